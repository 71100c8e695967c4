; Lemma 15: relief
;
; statement:
;   What is taken from a flow, with what could be taken beyond, has the sign of the flow, is within what can be taken,
;   and does not turn the flow round. If the flow is within what can be taken, then afterwards it is inside its
;   limits, nothing less would do, and all that is left of it is spare.
; symbols:
;   flow         mW, net export of a node or flow of a line, + towards the grid
;   least, most  mW, its limits, around 0: −K and K, −Limp and Lexp
;   down, up     mW >= 0, what can be taken from it, and added
;   take, spare  mW, what is taken, and what could be taken beyond; < 0 is added
; code:
;   autonomy/layers/supervision/recovery.py | give = min(flow, down) if flow > 0 else max(flow, -up)
;   autonomy/layers/supervision/recovery.py | take = min(max(flow - most, 0), give) if flow > 0 else max(min(flow - least, 0), give)
;   autonomy/layers/supervision/recovery.py | return take, give - take
; every N:
;   The same step for each node and each line; lemma 16 supplies what can be taken.
; control:
;   more is given than flows: the flow is turned round
;   - (min flow down)
;   + down
; control:
;   limits that 0 is not inside of
;   - (and (<= least 0) (<= 0 most))
;   + (<= least most)

(set-logic QF_LIA)
(declare-const flow Int)
(declare-const least Int)
(declare-const most Int)
(declare-const down Int)
(declare-const up Int)
(declare-const take Int)
(declare-const spare Int)
(define-fun min ((a Int) (b Int)) Int (ite (<= a b) a b))
(define-fun max ((a Int) (b Int)) Int (ite (<= a b) b a))
(define-fun give () Int (ite (> flow 0) (min flow down) (max flow (- up))))
(define-fun relief () Int (ite (> flow 0) (min (max (- flow most) 0) give) (max (min (- flow least) 0) give)))
(assert (and (<= least 0) (<= 0 most)))
(assert (and (<= 0 down) (<= 0 up)))
(assert (= take relief))
(assert (= spare (- give take)))

(assert (not (and
  (=> (> flow 0) (and (<= 0 take) (<= 0 spare) (<= (+ take spare) down) (<= 0 (- flow (+ take spare)))))
  (=> (<= flow 0) (and (<= take 0) (<= spare 0) (<= (- up) (+ take spare)) (<= (- flow (+ take spare)) 0)))
  (=> (and (<= flow down) (<= (- flow) up))
      (and (<= least (- flow take)) (<= (- flow take) most)
           (= take (ite (> flow 0) (max (- flow most) 0) (min (- flow least) 0)))
           (= spare (- flow take)))))))
(check-sat)
