; Lemma 04: soc-one-step
;
; statement:
;   A battery that starts inside its band and whose power is inside its box ends inside its band, whatever the
;   efficiencies and the time step. (Rate and ramp limits only make the box smaller.)
; symbols:
;   e, next             kWh, stored energy before and after the step
;   emin, emax          kWh, its band
;   b                   kW, battery power, + = charge
;   ec, ed              one-way efficiencies, any in (0, 1]
;   dt                  h, any > 0
;   room_up, room_down  kW, how far the energy alone lets b go up and down
;   taken               kW, max(−b, 0)/ed
; code:
;   autonomy/layers/physics.py | np.subtract(storage.energy_max_kwh, energy_kwh, out=reach[0])
;   autonomy/layers/physics.py | np.subtract(energy_kwh, storage.energy_min_kwh, out=reach[1])
;   autonomy/layers/physics.py | reach *= storage.yield_
;   autonomy/layers/physics.py | reach /= storage.hours
;   autonomy/layers/physics.py | return energy_kwh + timestep_h * (charge_efficiency * charge - discharge / discharge_efficiency)
;   autonomy/layers/storage.py | hours=frozen(np.maximum((timestep_h * charge_efficiency, timestep_h * one), SMALLEST)),
; every N:
;   One battery at a time; over any number of steps by induction, because the end of a step is the start of the next.
; control:
;   the loss of discharging is forgotten in the box
;   - (* (- e emin) ed)
;   + (- e emin)

(set-logic QF_NRA)
(declare-const e Real)
(declare-const next Real)
(declare-const emin Real)
(declare-const emax Real)
(declare-const b Real)
(declare-const ec Real)
(declare-const ed Real)
(declare-const dt Real)
(declare-const room_up Real)
(declare-const room_down Real)
(declare-const taken Real)
(define-fun min ((a Real) (b Real)) Real (ite (<= a b) a b))
(define-fun max ((a Real) (b Real)) Real (ite (<= a b) b a))

(assert (and (< 0 ec) (<= ec 1) (< 0 ed) (<= ed 1) (< 0 dt)))
(assert (and (<= emin e) (<= e emax)))
(assert (= (* room_up (* dt ec)) (- emax e)))
(assert (= (* room_down dt) (* (- e emin) ed)))
(assert (and (<= (- room_down) b) (<= b room_up)))
; taken = max(−b, 0)/ed, multiplied out
(assert (= (* taken ed) (max (- b) 0)))
(assert (= next (+ e (* dt (- (* ec (max b 0)) taken)))))

(assert (not (and (<= emin next) (<= next emax))))
(check-sat)
