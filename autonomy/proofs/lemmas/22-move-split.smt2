; Lemma 22: move-split
;
; statement:
;   What a node's net export is lowered (or raised) by goes to the battery as far as its box allows and to curtailment
;   (or shedding) for the rest: all boxes are kept, cuts only grow, and the net export changes by exactly that.
; symbols:
;   g, d, c, s, b, lower, upper, n      mW, as in lemma 14
;   moved                               mW, by how much n is lowered; within down and up of lemma 14
;   charged, discharged                 mW, what the battery takes
;   b_after, c_after, s_after, n_after  mW, the plan afterwards
; code:
;   autonomy/layers/supervision/recovery.py | down, up = np.maximum(moved, 0), np.maximum(-moved, 0)
;   autonomy/layers/supervision/recovery.py | charged, discharged = np.minimum(down, charge), np.minimum(up, discharge)
;   autonomy/layers/supervision/recovery.py | battery=plan.battery + charged - discharged,
;   autonomy/layers/supervision/recovery.py | curtail=plan.curtail + (down - charged),
;   autonomy/layers/supervision/recovery.py | shed=plan.shed + (up - discharged),
; every N:
;   One node at a time; the flows of all lines change with the net exports below them.
; control:
;   the battery's part is curtailed as well
;   - (- (max moved 0) charged)
;   + (max moved 0)
; control:
;   more is asked than the node can lose
;   - (assert (<= moved (+ (- upper b) (- g c))))
;   + (assert (<= moved (+ (- upper lower) g)))

(set-logic QF_LIA)
(declare-const g Int)
(declare-const d Int)
(declare-const c Int)
(declare-const s Int)
(declare-const b Int)
(declare-const lower Int)
(declare-const upper Int)
(declare-const n Int)
(declare-const moved Int)
(declare-const charged Int)
(declare-const discharged Int)
(declare-const b_after Int)
(declare-const c_after Int)
(declare-const s_after Int)
(declare-const n_after Int)
(define-fun min ((a Int) (b Int)) Int (ite (<= a b) a b))
(define-fun max ((a Int) (b Int)) Int (ite (<= a b) b a))

(assert (and (<= 0 c) (<= c g) (<= 0 s) (<= s d) (<= lower b) (<= b upper)))
(assert (= n (- (- (- g c) (- d s)) b)))
(assert (<= moved (+ (- upper b) (- g c))))
(assert (<= (- moved) (+ (- b lower) (- d s))))
(assert (= charged (min (max moved 0) (- upper b))))
(assert (= discharged (min (max (- moved) 0) (- b lower))))
(assert (= b_after (- (+ b charged) discharged)))
(assert (= c_after (+ c (- (max moved 0) charged))))
(assert (= s_after (+ s (- (max (- moved) 0) discharged))))
(assert (= n_after (- (- (- g c_after) (- d s_after)) b_after)))

(assert (not (and (<= lower b_after) (<= b_after upper) (<= c c_after) (<= c_after g)
                  (<= s s_after) (<= s_after d) (= n_after (- n moved)))))
(check-sat)
