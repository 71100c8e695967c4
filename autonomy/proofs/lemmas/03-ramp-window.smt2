; Lemma 03: ramp-window
;
; statement:
;   With a ramp limit the box is not empty and lies inside the box without it. Unless the two windows do not meet, it
;   also lies in the ramp window.
; symbols:
;   lower, upper            kW, the box without the ramp limit; lemma 02: lower <= 0 <= upper
;   previous                kW, b_prev
;   ramp                    kW, R
;   ramp_lower, ramp_upper  kW, the ramp window b_prev − R and b_prev + R, both rounded inward to a float; b_prev is a
;                           float, so it stays inside
;   blo, bhi                kW, the box
; code:
;   autonomy/layers/physics.py | ramp_lower, ramp_upper = -rounding.added(ramp_limit_kw, -previous_kw), rounding.added(previous_kw, ramp_limit_kw)
;   autonomy/layers/physics.py | relaxed = (ramp_lower > upper) | (ramp_upper < lower)
;   autonomy/layers/physics.py | nearest = np.where(ramp_lower > upper, upper, lower)
;   autonomy/layers/physics.py | lower_kw=np.where(relaxed, nearest, np.maximum(lower, ramp_lower)),
;   autonomy/layers/physics.py | upper_kw=np.where(relaxed, nearest, np.minimum(upper, ramp_upper)),
; every N:
;   One battery at a time.
; control:
;   the ramp limit does not yield where the windows do not meet: the box is empty
;   - (ite relaxed nearest (max lower ramp_lower))
;   + (max lower ramp_lower)

(set-logic QF_LRA)
(declare-const lower Real)
(declare-const upper Real)
(declare-const previous Real)
(declare-const ramp Real)
(declare-const ramp_lower Real)
(declare-const ramp_upper Real)
(declare-const blo Real)
(declare-const bhi Real)
(define-fun min ((a Real) (b Real)) Real (ite (<= a b) a b))
(define-fun max ((a Real) (b Real)) Real (ite (<= a b) b a))

(define-fun relaxed () Bool (or (> ramp_lower upper) (< ramp_upper lower)))
(define-fun nearest () Real (ite (> ramp_lower upper) upper lower))
(assert (and (<= lower 0) (<= 0 upper)))
(assert (<= 0 ramp))
(assert (and (<= (- previous ramp) ramp_lower) (<= ramp_lower previous)))
(assert (and (<= previous ramp_upper) (<= ramp_upper (+ previous ramp))))
(assert (= blo (ite relaxed nearest (max lower ramp_lower))))
(assert (= bhi (ite relaxed nearest (min upper ramp_upper))))

(assert (not (and (<= lower blo) (<= blo bhi) (<= bhi upper)
                  (=> (not relaxed) (and (<= (- previous ramp) blo) (<= bhi (+ previous ramp)))))))
(check-sat)
