; Lemma 32: reach-in-floats
;
; statement:
;   The power that a battery can charge or discharge, worked out in floats with what arrives narrowed by 8u, is never
;   larger than the exact one: the box of lemma 04 is not widened by any rounding.
; symbols:
;   room            kWh, exact room to the end of the band
;   difference      kWh, the same in floats; lemma 31
;   hours, arrives  exact dt·ec and 1 (charging), dt and ed (discharging)
;   hf, af          floats: hours, and what arrives, narrowed
;   product, reach  kWh and kW, floats: difference·af and product/hf, the latter multiplied out
; code:
;   autonomy/layers/storage.py | yield_=frozen(np.array((one, discharge_efficiency)) * (1.0 - 8.0 * UNIT)),
;   autonomy/layers/storage.py | hours=frozen(np.maximum((timestep_h * charge_efficiency, timestep_h * one), SMALLEST)),
;   autonomy/layers/physics.py | reach *= storage.yield_
;   autonomy/layers/physics.py | reach /= storage.hours
; every N:
;   One battery at a time, as in lemma 31.
; control:
;   what arrives is not narrowed
;   - (* (- 1 (* 8 u)) arrives)
;   + arrives

(set-logic QF_NRA)
(declare-const room Real)
(declare-const difference Real)
(declare-const hours Real)
(declare-const arrives Real)
(declare-const hf Real)
(declare-const af Real)
(declare-const product Real)
(declare-const reach Real)
; a float is within u of the exact result, relative to it; exact results are not negative here
(define-fun u () Real (/ 1 9007199254740992))
(define-fun rounded ((float Real) (exact Real)) Bool
  (and (<= (* (- 1 u) exact) float) (<= float (* (+ 1 u) exact))))
(assert (and (< 0 hours) (< 0 arrives) (<= arrives 1)))
(assert (and (<= 0 difference) (<= difference (* (+ 1 (* 3 u)) room))))
(assert (rounded hf hours))
(assert (rounded af (* (- 1 (* 8 u)) arrives)))
(assert (rounded product (* difference af)))
(assert (and (<= 0 reach) (rounded (* reach hf) product)))

(assert (not (<= (* reach hours) (* room arrives))))
(check-sat)
