; Lemma 10: rounding-of-measurements
;
; statement:
;   Generation is rounded to the nearest milliwatt and demand so that their difference is: a net export moves by at
;   most one milliwatt, by at most half of one unless a cut takes everything. What is cut never exceeds what was
;   measured; a cut of all that was measured, rounded, is a cut of all that was measured.
; symbols:
;   g, d        mW, measured, real
;   gi, di      mW, the integers
;   difference  mW, g − d rounded to the nearest integer
;   c, s        mW, integer cuts
;   cut, shed   mW, the cuts as executed
;   b           mW, battery power
;   ni, n       mW, net export in integers (what CHECK sees) and as executed
; code:
;   autonomy/layers/supervision/milliwatt.py | measured = _whole(np.rint, situation.measured_kw)
;   autonomy/layers/supervision/milliwatt.py | measured[1] = measured[0] - _whole(np.rint, situation.pv_kw - situation.demand_kw)
;   autonomy/layers/supervision/milliwatt.py | return np.where((cut > 0) & (cut >= measured), measured_kw, in_kw(cut))
; every N:
;   One prosumer at a time; lemma 11 adds them up. Rounding to the nearest is monotone, hence difference <= gi. Floats
;   are taken for exact here; lemma 28 says what they may be off.
; control:
;   half a milliwatt, claimed for every cut
;   - (<= (- n (to_real ni)) 1)
;   + (<= (- n (to_real ni)) (/ 1 2))
; control:
;   a cut of everything stays the rounded number and so exceeds what was measured
;   - (ite (and (> c 0) (>= c gi)) g (to_real c))
;   + (to_real c)

(set-logic QF_LIRA)
(declare-const g Real)
(declare-const d Real)
(declare-const cut Real)
(declare-const shed Real)
(declare-const n Real)
(declare-const gi Int)
(declare-const di Int)
(declare-const difference Int)
(declare-const c Int)
(declare-const s Int)
(declare-const b Int)
(declare-const ni Int)

(assert (and (<= 0 g) (<= 0 d)))
(assert (and (<= (- g (/ 1 2)) (to_real gi)) (<= (to_real gi) (+ g (/ 1 2)))))
(assert (and (<= (- (- g d) (/ 1 2)) (to_real difference)) (<= (to_real difference) (+ (- g d) (/ 1 2)))))
(assert (<= difference gi))
(assert (= di (- gi difference)))
(assert (and (<= 0 c) (<= c gi) (<= 0 s) (<= s di)))
(assert (= cut (ite (and (> c 0) (>= c gi)) g (to_real c))))
(assert (= shed (ite (and (> s 0) (>= s di)) d (to_real s))))
(assert (= ni (- (- (- gi c) (- di s)) b)))
(assert (= n (- (- (- g cut) (- d shed)) (to_real b))))

(assert (not (and (<= (- n (to_real ni)) 1) (<= (- (to_real ni) n) 1)
                  (=> (and (= cut (to_real c)) (= shed (to_real s)))
                      (and (<= (- n (to_real ni)) (/ 1 2)) (<= (- (to_real ni) n) (/ 1 2))))
                  (<= 0 di) (<= 0 cut) (<= cut g) (<= 0 shed) (<= shed d))))
(check-sat)
