; Lemma 31: room-in-floats
;
; statement:
;   The energy that fits in, or can be taken out, worked out in floats with the band narrowed by 4u, u = 2^-53,
;   exceeds the exact one by no more than 3u of it.
; symbols:
;   e, limit    kWh >= 0, exact stored energy (soc·capacity) and exact end of the band
;   charging    true: limit is emax; false: limit is emin
;   ef, l1, l2  kWh, floats: energy, end of the band, end of the band narrowed
;   difference  kWh, float: what is left to the end of the band
;   room        kWh, the same exactly
; code:
;   autonomy/layers/storage.py | energy_max_kwh=frozen(energy_max_kwh * (1.0 - 4.0 * UNIT)),
;   autonomy/layers/storage.py | energy_min_kwh=frozen(energy_min_kwh * (1.0 + 4.0 * UNIT)),
;   autonomy/layers/physics.py | np.subtract(storage.energy_max_kwh, energy_kwh, out=reach[0])
;   autonomy/layers/physics.py | np.subtract(energy_kwh, storage.energy_min_kwh, out=reach[1])
;   autonomy/layers/physics.py | np.maximum(reach, storage.nothing, out=reach)
; every N:
;   One battery at a time. Floats below 2^-1022 or too large for a float are left out: they have no relative
;   precision.
; control:
;   the band is not narrowed
;   - (* (- 1 (* 4 u)) l1)
;   + l1

(set-logic QF_LRA)
(declare-const charging Bool)
(declare-const e Real)
(declare-const limit Real)
(declare-const ef Real)
(declare-const l1 Real)
(declare-const l2 Real)
(declare-const difference Real)
(declare-const room Real)
(define-fun min ((a Real) (b Real)) Real (ite (<= a b) a b))
(define-fun max ((a Real) (b Real)) Real (ite (<= a b) b a))
; a float is within u of the exact result, relative to it; exact results are not negative here
(define-fun u () Real (/ 1 9007199254740992))
(define-fun rounded ((float Real) (exact Real)) Bool
  (and (<= (* (- 1 u) exact) float) (<= float (* (+ 1 u) exact))))
(assert (and (<= 0 e) (<= 0 limit)))
(assert (rounded ef e))
(assert (rounded l1 limit))
(assert (rounded l2 (ite charging (* (- 1 (* 4 u)) l1) (* (+ 1 (* 4 u)) l1))))
(assert (rounded difference (max (ite charging (- l2 ef) (- ef l2)) 0.0)))
(assert (= room (max (ite charging (- limit e) (- e limit)) 0.0)))

(assert (not (and (<= 0 difference) (<= difference (* (+ 1 (* 3 u)) room)))))
(check-sat)
