; Lemma 05: soc-outside-band
;
; statement:
;   A battery that starts outside its band never gets further away and never passes through to the other side; any
;   power but 0 brings it nearer. Once inside, lemma 04 keeps it there: recovery is monotone and for good.
; symbols:
;   e, next             kWh, stored energy before and after the step
;   emin, emax          kWh, its band
;   b                   kW, battery power, + = charge
;   ec, ed              one-way efficiencies, any in (0, 1]
;   dt                  h, any > 0
;   room_up, room_down  kW, how far the energy alone lets b go up and down
;   taken               kW, max(−b, 0)/ed
; code:
;   autonomy/layers/physics.py | np.maximum(reach, storage.nothing, out=reach)
;   autonomy/layers/physics.py | np.subtract(storage.energy_max_kwh, energy_kwh, out=reach[0])
;   autonomy/layers/physics.py | np.subtract(energy_kwh, storage.energy_min_kwh, out=reach[1])
; every N:
;   One battery at a time; over any number of steps by induction.
; control:
;   the two ends of the band are mixed up: a full battery may charge
;   - (= (* room_up (* dt ec)) (max (- emax e) 0))
;   + (= (* room_up (* dt ec)) (max (- e emax) 0))

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
(assert (<= emin emax))
(assert (= (* room_up (* dt ec)) (max (- emax e) 0)))
(assert (= (* room_down dt) (* (max (- e emin) 0) ed)))
(assert (and (<= (- room_down) b) (<= b room_up)))
; taken = max(−b, 0)/ed, multiplied out
(assert (= (* taken ed) (max (- b) 0)))
(assert (= next (+ e (* dt (- (* ec (max b 0)) taken)))))

(assert (not (and (=> (> e emax) (and (<= emin next) (<= next e) (=> (not (= b 0)) (< next e))))
                  (=> (< e emin) (and (<= e next) (<= next emax) (=> (not (= b 0)) (< e next)))))))
(check-sat)
