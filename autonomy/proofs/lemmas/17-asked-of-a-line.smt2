; Lemma 17: asked-of-a-line
;
; statement:
;   A line is asked for what it has to lose itself and for what the line above asks of its spare. Together that has
;   the sign of its flow, is within what can be taken from below, so nothing of it is dropped, and leaves the line
;   inside its limits, not turned round.
; symbols:
;   flow         mW, net export of a node or flow of a line, + towards the grid
;   least, most  mW, its limits, around 0: −K and K, −Limp and Lexp
;   down, up     mW >= 0, what can be taken from it, and added
;   take, spare  mW, as in lemma 15
;   above        mW, what is asked from above: between 0 and spare
;   asked        mW, take + above
; code:
;   autonomy/layers/supervision/recovery.py | asked[line], line_spare[line] = _relief(flow, -import_limit[line], export_limit[line], most_down, most_up)
;   autonomy/layers/supervision/recovery.py | parts = share(abs(asked[line]), [max(sign * x, 0) for x in below])
;   autonomy/layers/supervision/recovery.py | asked[k] += sign * part
;   autonomy/layers/supervision/recovery.py | give = min(flow, down) if flow > 0 else max(flow, -up)
;   autonomy/layers/supervision/recovery.py | take = min(max(flow - most, 0), give) if flow > 0 else max(min(flow - least, 0), give)
;   autonomy/layers/supervision/recovery.py | return take, give - take
; every N:
;   The step of the induction from the feeder to the leaves: `above` is what lemmas 19 to 21 let the line above hand
;   out.
; control:
;   the line above counts on the flow before the line's own limit took its part
;   - (and (<= 0 above) (<= above spare))
;   + (and (<= 0 above) (<= above flow))

(set-logic QF_LIA)
(declare-const flow Int)
(declare-const least Int)
(declare-const most Int)
(declare-const down Int)
(declare-const up Int)
(declare-const take Int)
(declare-const spare Int)
(declare-const above Int)
(declare-const asked Int)
(define-fun min ((a Int) (b Int)) Int (ite (<= a b) a b))
(define-fun max ((a Int) (b Int)) Int (ite (<= a b) b a))
(define-fun give () Int (ite (> flow 0) (min flow down) (max flow (- up))))
(define-fun relief () Int (ite (> flow 0) (min (max (- flow most) 0) give) (max (min (- flow least) 0) give)))
(assert (and (<= least 0) (<= 0 most)))
(assert (and (<= 0 down) (<= 0 up) (<= flow down) (<= (- flow) up)))
(assert (= take relief))
(assert (= spare (- give take)))
(assert (or (and (<= 0 above) (<= above spare)) (and (<= spare above) (<= above 0))))
(assert (= asked (+ take above)))

(assert (not (and
  (=> (> asked 0) (and (> flow 0) (<= asked down) (<= 0 (- flow asked))))
  (=> (< asked 0) (and (< flow 0) (<= (- asked) up) (<= (- flow asked) 0)))
  (<= least (- flow asked)) (<= (- flow asked) most))))
(check-sat)
