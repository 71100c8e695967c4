; Lemma 28: rounding-of-floats
;
; statement:
;   A product of floats is off by at most a part in 2⁵³ of it. So a number of kW turned into whole milliwatts and
;   rounded down exceeds the true number by at most that part, and one rounded to the nearest is off by half a
;   milliwatt and that part.
; symbols:
;   exact      mW >= 0, kW·10⁶ without rounding
;   product    mW, the same in double precision
;   low, near  mW, product rounded down, and to the nearest
; code:
;   autonomy/layers/supervision/milliwatt.py | milliwatts = values_kw * SCALE
;   autonomy/layers/supervision/milliwatt.py | rounding(milliwatts, out=milliwatts)
; every N:
;   One number at a time. For a home of 10 kW that part is 10⁻⁹ mW; lemmas 08 and 10 hold up to it. At a million
;   megawatts it is a ninth of a milliwatt.
; control:
;   the product of floats is taken for exact
;   - (<= (to_real low) (+ exact slack))
;   + (<= (to_real low) exact)

(set-logic QF_LIRA)
(declare-const exact Real)
(declare-const product Real)
(declare-const low Int)
(declare-const near Int)
(define-fun slack () Real (/ exact 9007199254740992))
(assert (<= 0 exact))
(assert (and (<= (- exact slack) product) (<= product (+ exact slack))))
(assert (= low (to_int product)))
(assert (and (<= (- product (/ 1 2)) (to_real near)) (<= (to_real near) (+ product (/ 1 2)))))

(assert (not (and (<= (to_real low) (+ exact slack))
                  (<= (- (- exact (/ 1 2)) slack) (to_real near)) (<= (to_real near) (+ (+ exact (/ 1 2)) slack)))))
(check-sat)
