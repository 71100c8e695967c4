; Lemma 23: extra-cut
;
; statement:
;   Cutting more generation at a node that exports, or more load at one that imports, no more than it exports or
;   imports, is possible, keeps the cut in its box, the node inside its connection, and lowers |n|.
; symbols:
;   g, d, c, s, b, n  mW, as in lemma 14, at b = 0: n = (g − c) − (d − s)
;   K                 mW, connection limit
;   extra             mW, the further cut: curtailment where n > 0, shedding where n < 0
;   n_after           mW
; code:
;   autonomy/layers/supervision/recovery.py | give = min(flow, down) if flow > 0 else max(flow, -up)
; every N:
;   One node at a time. That more of it is possible up to |n| is what makes a limit nearer to the feeder reachable
;   (lemma 16).
; control:
;   a cut larger than the flow turns it round
;   - (<= extra (size n))
;   + (<= extra (* 3 (size n)))

(set-logic QF_LIA)
(declare-const g Int)
(declare-const d Int)
(declare-const c Int)
(declare-const s Int)
(declare-const n Int)
(declare-const K Int)
(declare-const extra Int)
(declare-const n_after Int)
(define-fun size ((a Int)) Int (ite (<= 0 a) a (- a)))
(assert (and (<= 0 c) (<= c g) (<= 0 s) (<= s d)))
(assert (= n (- (- g c) (- d s))))
(assert (<= (size n) K))
(assert (and (<= 0 extra) (<= extra (size n))))
(assert (= n_after (ite (> n 0) (- n extra) (+ n extra))))

(assert (not (and (=> (> n 0) (<= (+ c extra) g)) (=> (< n 0) (<= (+ s extra) d))
                  (<= (size n_after) (size n)) (<= (size n_after) K)
                  (=> (and (< 0 extra)) (< (size n_after) (size n))))))
(check-sat)
