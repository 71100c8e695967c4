; Lemma 26: dead-stop
;
; statement:
;   With the battery still, and generation and load anywhere from 0 to their caps, whatever a meter said, the net
;   export lies between −load cap and generation cap, so inside the connection; and sums of such net exports lie
;   between the sums of the caps.
; symbols:
;   generation, load          kW, what really happens; no measurement is used
;   generation_cap, load_cap  kW, the fair shares, each at most K
;   K                         kW, connection limit
;   b                         kW, battery power
;   n                         kW, net export
;   flow, exports, imports    kW, sums over the prosumers added up so far: net export, generation caps, load caps
; code:
;   autonomy/layers/supervision/gate.py | generation_cap_kw=situation.fair_export_kw,
;   autonomy/layers/supervision/gate.py | load_cap_kw=situation.fair_import_kw,
;   autonomy/layers/supervision/rating.py | fair_import_kw=frozen(np.minimum(self._fair_import, connection)),
; every N:
;   The induction step over the prosumers below a line; lemma 25 bounds the sums of the caps by the line's limit. The
;   same for an isolated prosumer.
; control:
;   a battery that does not stand still
;   - (assert (= b 0))
;   + (assert (<= b 1))

(set-logic QF_LRA)
(declare-const generation Real)
(declare-const load Real)
(declare-const generation_cap Real)
(declare-const load_cap Real)
(declare-const b Real)
(declare-const n Real)
(declare-const K Real)
(declare-const flow Real)
(declare-const exports Real)
(declare-const imports Real)

(assert (and (<= 0 generation) (<= generation generation_cap) (<= generation_cap K)))
(assert (and (<= 0 load) (<= load load_cap) (<= load_cap K)))
(assert (= b 0))
(assert (= n (- (- generation load) b)))
(assert (and (<= (- imports) flow) (<= flow exports)))

(assert (not (and (<= (- load_cap) n) (<= n generation_cap) (<= (- K) n) (<= n K)
                  (<= (- (+ imports load_cap)) (+ flow n)) (<= (+ flow n) (+ exports generation_cap)))))
(check-sat)
