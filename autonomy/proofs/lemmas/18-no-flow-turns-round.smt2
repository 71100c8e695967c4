; Lemma 18: no-flow-turns-round
;
; statement:
;   A node or line inside its limits that loses a part no larger than what it carries in that direction moves towards
;   0 and not past it, so it stays inside its limits.
; symbols:
;   kept         mW, its flow, inside [least, most]
;   least, most  mW, its limits, around 0
;   sign         1 when export is taken away, −1 when import is
;   part         mW, what it loses: between 0 and max(sign·kept, 0)
;   after        mW, its flow afterwards
; code:
;   autonomy/layers/supervision/recovery.py | parts = share(abs(asked[line]), [max(sign * x, 0) for x in below])
;   autonomy/layers/supervision/recovery.py | moved[i] += sign * part
; every N:
;   One node or line at a time. With lemma 17 it carries limits that hold below a line through every later step nearer
;   to the feeder.
; control:
;   a part one milliwatt larger than what is carried
;   - (<= part (max (ite (= sign 1) kept (- kept)) 0))
;   + (<= part (+ 1 (max (ite (= sign 1) kept (- kept)) 0)))

(set-logic QF_LIA)
(declare-const kept Int)
(declare-const least Int)
(declare-const most Int)
(declare-const sign Int)
(declare-const part Int)
(declare-const after Int)
(define-fun min ((a Int) (b Int)) Int (ite (<= a b) a b))
(define-fun max ((a Int) (b Int)) Int (ite (<= a b) b a))

(assert (and (<= least 0) (<= 0 most)))
(assert (and (<= least kept) (<= kept most)))
(assert (or (= sign 1) (= sign (- 1))))
(assert (and (<= 0 part) (<= part (max (ite (= sign 1) kept (- kept)) 0))))
(assert (= after (ite (= sign 1) (- kept part) (+ kept part))))

(assert (not (and (<= least after) (<= after most) (<= (min kept 0) after) (<= after (max kept 0)))))
(check-sat)
