; Lemma 09: thin-box
;
; statement:
;   Where the box between ramp, rate and energy holds no whole milliwatt, its end nearer to 0, cut towards 0, is
;   taken: it still keeps rate and energy, and leaves the ramp window by less than a milliwatt.
; symbols:
;   floor, roof   mW, what rate and energy allow; lemma 02: floor <= 0 <= roof
;   lower, upper  mW, the box, floor <= lower <= upper <= roof (lemma 03)
;   near          mW, its end nearer to 0
;   point         mW, the integer taken
; code:
;   autonomy/layers/supervision/milliwatt.py | nearer = _whole(np.trunc, np.where(np.abs(lower) < np.abs(upper), lower, upper))
; every N:
;   One battery at a time.
; control:
;   the end is rounded to the nearest milliwatt instead of towards 0
;   - (ite (<= 0 near) (to_int near) (- (to_int (- near))))
;   + (to_int (+ near (/ 1 2)))

(set-logic QF_LIRA)
(declare-const floor Real)
(declare-const roof Real)
(declare-const lower Real)
(declare-const upper Real)
(declare-const near Real)
(declare-const point Int)
(define-fun size ((a Real)) Real (ite (<= 0 a) a (- a)))
(assert (and (<= floor 0) (<= 0 roof)))
(assert (and (<= floor lower) (<= lower upper) (<= upper roof)))
(assert (= near (ite (< (size lower) (size upper)) lower upper)))
(assert (= point (ite (<= 0 near) (to_int near) (- (to_int (- near))))))

(assert (not (and (<= floor (to_real point)) (<= (to_real point) roof)
                  (< (size (- (to_real point) near)) 1))))
(check-sat)
