; Lemma 30: line-losses
;
; statement:
;   If the net exports below a line sum to between w − Limp and Lexp, then with losses r·f² in it and in all lines
;   below, its flow is inside [−Limp, Lexp] at both ends, and at the upper end it is at most w below the sum.
; symbols:
;   sum         kW, Σ n over the prosumers below, without losses
;   below       kW, worst-case losses of all lines below this one
;   f           kW, flow at the lower end; between sum − below and sum
;   r           1/kW, loss coefficient
;   Limp, Lexp  kW >= 0
;   largest     kW, the larger limit
;   w           kW, worst-case losses of this line and all below: below + r·largest²
;   loss        kW, r·f²
; code:
;   autonomy/layers/network.py | limit = np.maximum(self.import_limit_kw, self.export_limit_kw)
;   autonomy/layers/network.py | total[self.parent[line]] += total[line]
;   autonomy/layers/physics.py | losses[..., line] = network.loss_coefficient_per_kw[line] * flows[..., line] ** 2
;   autonomy/layers/supervision/rating.py | delivered = rounding.added(network.import_limit_kw, -network.worst_case_loss_kw)
; every N:
;   The induction step from the leaves to the feeder. Flows at the upper ends of the lines below, each between its sum
;   less its worst-case losses and its sum, add up to f between sum − below and sum.
; control:
;   the import limit is not tightened
;   - (<= (- w Limp) sum)
;   + (<= (- Limp) sum)

(set-logic QF_NRA)
(declare-const sum Real)
(declare-const below Real)
(declare-const f Real)
(declare-const r Real)
(declare-const Limp Real)
(declare-const Lexp Real)
(declare-const largest Real)
(declare-const w Real)
(declare-const loss Real)
(define-fun min ((a Real) (b Real)) Real (ite (<= a b) a b))
(define-fun max ((a Real) (b Real)) Real (ite (<= a b) b a))

(assert (and (<= 0 r) (<= 0 Limp) (<= 0 Lexp) (<= 0 below)))
(assert (= largest (max Limp Lexp)))
(assert (= w (+ below (* r (* largest largest)))))
(assert (and (<= (- w Limp) sum) (<= sum Lexp)))
(assert (and (<= (- sum below) f) (<= f sum)))
(assert (= loss (* r (* f f))))

(assert (not (and (<= (- Limp) f) (<= f Lexp) (<= (- Limp) (- f loss)) (<= (- f loss) Lexp)
                  (<= (- sum w) (- f loss)) (<= (- f loss) sum) (<= 0 loss))))
(check-sat)
