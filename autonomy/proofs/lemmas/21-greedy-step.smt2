; Lemma 21: greedy-step
;
; statement:
;   Handing out what is left, each as much as still fits, keeps 0 <= rest <= remaining room, and each part within its
;   capacity. When no room remains, nothing is left: the parts add up to exactly the amount.
; symbols:
;   rest                    mW, not handed out yet
;   room                    mW, Σ capacity − part over this one and all that follow
;   capacity, part          mW, of this one
;   step                    mW, what it gets in addition
;   rest_after, room_after  mW, the same for those that follow
; code:
;   autonomy/layers/supervision/recovery.py | step = min(rest, capacity - parts[k])
;   autonomy/layers/supervision/recovery.py | parts[k] += step
;   autonomy/layers/supervision/recovery.py | rest -= step
; every N:
;   The induction step over the parts. It starts from lemma 20 and ends where nobody follows, room_after = 0. With
;   amount = min(amount, total) before it, the parts sum to min(amount, Σ capacities).
; control:
;   each gets all the room it has, whatever is left
;   - (min rest (- capacity part))
;   + (- capacity part)
; control:
;   what it has already is forgotten
;   - (min rest (- capacity part))
;   + (min rest capacity)

(set-logic QF_LIA)
(declare-const rest Int)
(declare-const room Int)
(declare-const capacity Int)
(declare-const part Int)
(declare-const step Int)
(declare-const rest_after Int)
(declare-const room_after Int)
(define-fun min ((a Int) (b Int)) Int (ite (<= a b) a b))
(define-fun max ((a Int) (b Int)) Int (ite (<= a b) b a))

(assert (and (<= 0 rest) (<= rest room)))
(assert (and (<= 0 part) (<= part capacity)))
(assert (= room_after (- room (- capacity part))))
(assert (<= 0 room_after))
(assert (= step (min rest (- capacity part))))
(assert (= rest_after (- rest step)))

(assert (not (and (<= 0 rest_after) (<= rest_after room_after)
                  (<= part (+ part step)) (<= (+ part step) capacity)
                  (=> (= room_after 0) (= rest_after 0)))))
(check-sat)
