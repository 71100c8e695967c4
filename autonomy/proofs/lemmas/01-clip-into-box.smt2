; Lemma 01: clip-into-box
;
; statement:
;   A set-point clipped to the upper end of the clip to the lower end lies in its box, and one that was in the box
;   stays as it was.
; symbols:
;   wish          mW, the set-point rounded to the nearest milliwatt: b, c or s
;   lower, upper  mW, the box
;   point         mW, what CHECK sees
; code:
;   autonomy/layers/supervision/milliwatt.py | np.maximum(whole, bounds.lower[: whole.size], out=whole)
;   autonomy/layers/supervision/milliwatt.py | np.minimum(whole, bounds.upper[: whole.size], out=whole)
; every N:
;   Every entry is clipped on its own; no entry is in the formula of another.
; control:
;   a box thinner than a milliwatt, rounded inward past itself
;   - (assert (<= lower upper))
;   + (assert (<= lower (+ upper 1)))

(set-logic QF_LIA)
(declare-const wish Int)
(declare-const lower Int)
(declare-const upper Int)
(declare-const point Int)
(define-fun min ((a Int) (b Int)) Int (ite (<= a b) a b))
(define-fun max ((a Int) (b Int)) Int (ite (<= a b) b a))

(assert (<= lower upper))
(assert (= point (min (max wish lower) upper)))

(assert (not (and (<= lower point) (<= point upper)
                  (=> (and (<= lower wish) (<= wish upper)) (= point wish)))))
(check-sat)
