; Lemma 11: margin-step
;
; statement:
;   If the flow summed over k prosumers differs from its integer by at most k milliwatts, then with one prosumer more
;   by at most k + 1.
; symbols:
;   k            prosumers added up so far
;   flow, whole  mW, their sum as executed, and in integers
;   n, ni        mW, the next net export; lemma 10: at most 1 apart
; code:
;   autonomy/layers/supervision/milliwatt.py | below = network.prosumers_below.astype(np.int64)
; every N:
;   The induction step over the prosumers below a line; it starts with two empty sums, 0 apart.
; control:
;   the margin of k prosumers is claimed to do for k + 1
;   - (<= (- (+ flow n) (to_real (+ whole ni))) (to_real (+ k 1)))
;   + (<= (- (+ flow n) (to_real (+ whole ni))) (to_real k))

(set-logic QF_LIRA)
(declare-const flow Real)
(declare-const n Real)
(declare-const k Int)
(declare-const whole Int)
(declare-const ni Int)

(assert (<= 0 k))
(assert (and (<= (- flow (to_real whole)) (to_real k)) (<= (- (to_real whole) flow) (to_real k))))
(assert (and (<= (- n (to_real ni)) 1) (<= (- (to_real ni) n) 1)))

(assert (not (and (<= (- (+ flow n) (to_real (+ whole ni))) (to_real (+ k 1)))
                  (<= (- (to_real (+ whole ni)) (+ flow n)) (to_real (+ k 1))))))
(check-sat)
