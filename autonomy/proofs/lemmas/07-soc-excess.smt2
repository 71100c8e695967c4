; Lemma 07: soc-excess
;
; statement:
;   The box made with nominal efficiencies and the meter's word, as the code makes it unless told otherwise, lets the
;   true energy leave its band by no more than the meter's error and the relative error of the efficiency times the
;   width of the band.
; symbols:
;   e                   kWh, stored energy as metered
;   truth, next         kWh, true stored energy before and after
;   error               kWh, |truth − e| <= error
;   emin, emax          kWh, the band
;   b                   kW
;   ec, ed              true efficiencies
;   ec_rated, ed_rated  the efficiencies the code knows
;   rise, fall          relative errors >= 0: ec <= (1 + rise)·ec_rated, ed_rated <= (1 + fall)·ed
;   dt                  h
;   room_up, room_down  kW, the tightened box
;   taken               kW, max(−b, 0)/ed
; code:
;   autonomy/layers/physics.py | np.subtract(storage.energy_max_kwh, energy_kwh, out=reach[0])
;   autonomy/layers/physics.py | np.subtract(energy_kwh, storage.energy_min_kwh, out=reach[1])
;   autonomy/layers/physics.py | reach *= storage.yield_
;   autonomy/layers/physics.py | reach /= storage.hours
;   autonomy/layers/physics.py | return energy_kwh + timestep_h * (charge_efficiency * charge - discharge / discharge_efficiency)
;   autonomy/layers/storage.py | hours=frozen(np.maximum((timestep_h * charge_efficiency, timestep_h * one), SMALLEST)),
; every N:
;   One battery and one step; this is how far lemma 04 can be off in the field, per step from inside the band. It does
;   not add up over steps, because the box of the next step starts from the next reading.
; control:
;   the error of the efficiency is left out of the bound
;   - (+ emax (+ error (* rise (- emax emin))))
;   + (+ emax error)

(set-logic QF_NRA)
(declare-const e Real)
(declare-const truth Real)
(declare-const next Real)
(declare-const error Real)
(declare-const emin Real)
(declare-const emax Real)
(declare-const b Real)
(declare-const ec Real)
(declare-const ec_rated Real)
(declare-const ed Real)
(declare-const ed_rated Real)
(declare-const rise Real)
(declare-const fall Real)
(declare-const dt Real)
(declare-const room_up Real)
(declare-const room_down Real)
(declare-const taken Real)
(define-fun min ((a Real) (b Real)) Real (ite (<= a b) a b))
(define-fun max ((a Real) (b Real)) Real (ite (<= a b) b a))

(assert (and (< 0 ec) (< 0 ec_rated) (< 0 ed) (< 0 ed_rated) (< 0 dt) (<= 0 rise) (<= 0 fall)))
(assert (and (<= ec (* (+ 1 rise) ec_rated)) (<= ed_rated (* (+ 1 fall) ed))))
(assert (and (<= (- truth e) error) (<= (- e truth) error)))
(assert (and (<= emin e) (<= e emax)))
(assert (= (* room_up (* dt ec_rated)) (- emax e)))
(assert (= (* room_down dt) (* (- e emin) ed_rated)))
(assert (and (<= (- room_down) b) (<= b room_up)))
(assert (= (* taken ed) (max (- b) 0)))
(assert (= next (+ truth (* dt (- (* ec (max b 0)) taken)))))

(assert (not (and (<= next (+ emax (+ error (* rise (- emax emin)))))
                  (>= next (- emin (+ error (* fall (- emax emin))))))))
(check-sat)
