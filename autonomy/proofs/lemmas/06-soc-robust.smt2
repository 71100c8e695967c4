; Lemma 06: soc-robust
;
; statement:
;   The box of lemma 04 made with the largest charge efficiency, the smallest discharge efficiency, and a band
;   narrower by the meter's error on both sides, keeps the true energy inside the true band for every meter error and
;   every efficiency within those intervals.
; symbols:
;   e                   kWh, stored energy as metered
;   truth, next         kWh, true stored energy before and after
;   error               kWh, |truth − e| <= error
;   emin, emax          kWh, the band
;   b                   kW
;   ec, ed              true efficiencies
;   ec_high             no smaller than ec
;   ed_low              no larger than ed
;   dt                  h
;   room_up, room_down  kW, the tightened box
;   taken               kW, max(−b, 0)/ed
; code:
;   autonomy/layers/physics.py | np.maximum(reach, storage.nothing, out=reach)
;   autonomy/layers/supervision/rating.py | energy_min_kwh=values["soc_min"] * capacity_kwh,
;   autonomy/layers/supervision/rating.py | charge_efficiency=values["charge_efficiency"],
; every N:
;   One battery at a time. The code makes this very box when soc_min, soc_max and the two efficiencies are given (in
;   the Community, or in the Limits of a step) as soc_min + error/capacity, soc_max − error/capacity, ec_high and
;   ed_low.
; control:
;   the meter's error is left out of the box
;   - (max (- (- emax error) e) 0)
;   + (max (- emax e) 0)
; control:
;   the box is made with an efficiency below the true one
;   - (<= ec ec_high)
;   + (< 0 ec_high)

(set-logic QF_NRA)
(declare-const e Real)
(declare-const truth Real)
(declare-const next Real)
(declare-const error Real)
(declare-const emin Real)
(declare-const emax Real)
(declare-const b Real)
(declare-const ec Real)
(declare-const ec_high Real)
(declare-const ed Real)
(declare-const ed_low Real)
(declare-const dt Real)
(declare-const room_up Real)
(declare-const room_down Real)
(declare-const taken Real)
(define-fun min ((a Real) (b Real)) Real (ite (<= a b) a b))
(define-fun max ((a Real) (b Real)) Real (ite (<= a b) b a))

(assert (and (< 0 ec) (<= ec ec_high) (< 0 ed_low) (<= ed_low ed) (< 0 dt)))
(assert (and (<= (- truth e) error) (<= (- e truth) error)))
(assert (and (<= emin truth) (<= truth emax)))
(assert (= (* room_up (* dt ec_high)) (max (- (- emax error) e) 0)))
(assert (= (* room_down dt) (* (max (- e (+ emin error)) 0) ed_low)))
(assert (and (<= (- room_down) b) (<= b room_up)))
(assert (= (* taken ed) (max (- b) 0)))
(assert (= next (+ truth (* dt (- (* ec (max b 0)) taken)))))

(assert (not (and (<= emin next) (<= next emax))))
(check-sat)
