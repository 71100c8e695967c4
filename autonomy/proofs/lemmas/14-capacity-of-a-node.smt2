; Lemma 14: capacity-of-a-node
;
; statement:
;   What a node exports is no more than its generation that can still be cut and its battery that can still be
;   charged, and what it imports no more than its load that can still be cut and its battery that can still be
;   discharged: n = (g − c) − (d − s) − b <= (g − c) + (bhi − b).
; symbols:
;   g, d          mW, generation and demand, all of which can be cut
;   c, s          mW, cut already
;   b             mW, battery power
;   lower, upper  mW, the box, around 0
;   n             mW, net export
;   down, up      mW, by how much n can be lowered, and raised
; code:
;   autonomy/layers/supervision/recovery.py | down = (charge + bounds.curtailable - plan.curtail).tolist()
;   autonomy/layers/supervision/recovery.py | up = (discharge + bounds.sheddable - plan.shed).tolist()
;   autonomy/layers/supervision/recovery.py | charge, discharge = bounds.battery_upper - plan.battery, plan.battery - bounds.battery_lower
; every N:
;   The leaves of the induction over the tree (lemma 16). With b = lower = upper = 0 it is the grid-only rung: n <= g
;   − c.
; control:
;   shedding counts with the wrong sign
;   - (- d s)) b)))
;   + (+ d s)) b)))
; control:
;   a ramp window without 0; that is why the grid-only rung leaves the ramp window
;   - (assert (<= 0 upper))
;   + (assert (<= lower upper))

(set-logic QF_LIA)
(declare-const g Int)
(declare-const d Int)
(declare-const c Int)
(declare-const s Int)
(declare-const b Int)
(declare-const lower Int)
(declare-const upper Int)
(declare-const n Int)
(declare-const down Int)
(declare-const up Int)

(assert (and (<= 0 c) (<= c g) (<= 0 s) (<= s d)))
(assert (and (<= lower b) (<= b upper)))
(assert (<= lower 0))
(assert (<= 0 upper))
(assert (= n (- (- (- g c) (- d s)) b)))
(assert (= down (+ (- upper b) (- g c))))
(assert (= up (+ (- b lower) (- d s))))

(assert (not (and (<= 0 down) (<= 0 up) (<= n down) (<= (- n) up))))
(check-sat)
