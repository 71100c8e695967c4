; Lemma 08: rounding-inward
;
; statement:
;   An integer between the ends of an interval rounded inward lies in the interval. (A lower end is rounded up by
;   rounding its negative down.)
; symbols:
;   lower, upper  mW, a real interval: −reach[1], reach[0]; or −L, L
;   low, high     mW, integers the code compares with
;   point         mW, any integer that passes CHECK
; code:
;   autonomy/layers/supervision/milliwatt.py | reach = _whole(np.floor, reach_kw)
;   autonomy/layers/supervision/milliwatt.py | np.negative(reach[1], out=lower[:size])
;   autonomy/layers/supervision/milliwatt.py | return _whole(np.floor, np.minimum(limit_kw, LARGEST_KW))
; every N:
;   Every bound is rounded on its own. Here a product of floats is exact; lemma 28 says what it may be off.
; control:
;   the upper end is rounded to the nearest milliwatt
;   - (to_int upper)
;   + (to_int (+ upper (/ 1 2)))
; control:
;   the lower end is rounded down like the upper one
;   - (- (to_int (- lower)))
;   + (to_int lower)

(set-logic QF_LIRA)
(declare-const lower Real)
(declare-const upper Real)
(declare-const low Int)
(declare-const high Int)
(declare-const point Int)

(assert (<= lower upper))
(assert (= high (to_int upper)))
(assert (= low (- (to_int (- lower)))))
(assert (and (<= low point) (<= point high)))

(assert (not (and (<= lower (to_real point)) (<= (to_real point) upper))))
(check-sat)
