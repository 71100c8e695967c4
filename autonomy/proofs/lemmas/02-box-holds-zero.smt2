; Lemma 02: box-holds-zero
;
; statement:
;   The most that a battery can charge and discharge is at least 0 for any stored energy, inside its band or not: blo
;   <= 0 <= bhi. So standing still is always allowed.
; symbols:
;   e                              kWh, stored energy, any number
;   emin, emax                     kWh, its band
;   charge_limit, discharge_limit  kW, P⁺ and P⁻
;   ec, ed                         one-way efficiencies
;   dt                             h
;   room_up, room_down             kW, how far the energy alone lets b go up and down
;   charge, discharge              kW, the two rows of reach: bhi and −blo without a ramp limit
; code:
;   autonomy/layers/physics.py | np.maximum(reach, storage.nothing, out=reach)
;   autonomy/layers/physics.py | return np.minimum(reach, storage.power_limit_kw, out=reach)
; every N:
;   One battery at a time; no other prosumer is in the formula.
; control:
;   an energy above its band forces a discharge: 0 is no longer allowed
;   - (max (- emax e) 0)
;   + (- emax e)

(set-logic QF_NRA)
(declare-const e Real)
(declare-const emin Real)
(declare-const emax Real)
(declare-const charge_limit Real)
(declare-const discharge_limit Real)
(declare-const ec Real)
(declare-const ed Real)
(declare-const dt Real)
(declare-const charge Real)
(declare-const discharge Real)
(declare-const room_up Real)
(declare-const room_down Real)
(define-fun min ((a Real) (b Real)) Real (ite (<= a b) a b))
(define-fun max ((a Real) (b Real)) Real (ite (<= a b) b a))

(assert (<= emin emax))
(assert (and (<= 0 charge_limit) (<= 0 discharge_limit)))
(assert (and (< 0 ec) (< 0 ed) (< 0 dt)))
; room_up = max(emax − e, 0)/(dt·ec) and room_down = max(e − emin, 0)·ed/dt, multiplied out
(assert (= (* room_up (* dt ec)) (max (- emax e) 0)))
(assert (= (* room_down dt) (* (max (- e emin) 0) ed)))
(assert (= charge (min room_up charge_limit)))
(assert (= discharge (min room_down discharge_limit)))

(assert (not (and (<= (- discharge) 0) (<= 0 charge))))
(check-sat)
