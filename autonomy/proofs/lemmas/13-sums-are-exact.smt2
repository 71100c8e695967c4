; Lemma 13: sums-are-exact
;
; statement:
;   No sum of net exports overflows 64 bits, however many prosumers there are: what passes the connections is of size
;   at most 2^62/N, so k + 1 <= N of them add up to at most (k + 1)/N of 2^62. (A single net export is at most 2·10¹⁵
;   mW, because no power exceeds a million megawatts.)
; symbols:
;   total  mW, sum of k net exports that pass their connections
;   n      mW, the next
;   C      mW, the largest size of one, 2^62 // N at most
;   bound  mW, k·C, so that bound + C = (k + 1)·C <= N·C <= 2^62
; code:
;   autonomy/layers/supervision/milliwatt.py | np.minimum(connection, LARGEST_SUM // connection.size, out=connection)
;   autonomy/layers/supervision/milliwatt.py | LARGEST_SUM = 2**62
;   autonomy/layers/physics.py | np.cumsum(net_export_by_node[order], out=running[1:])
;   autonomy/layers/situation.py | LARGEST_KW = 1e9
; every N:
;   The induction step over prosumers; it starts with the empty sum. If a net export does not pass its connection,
;   CHECK says so whatever the sums are.
; control:
;   connections are not bounded by the number of prosumers
;   - (assert (<= (+ bound C) 4611686018427387904))
;   + (assert (and (<= C 2000000000000000) (<= bound 9223372036854775807)))

(set-logic QF_LIA)
(declare-const total Int)
(declare-const n Int)
(declare-const C Int)
(declare-const bound Int)

(assert (and (<= 0 bound) (<= 0 C)))
(assert (and (<= (- bound) total) (<= total bound)))
(assert (and (<= (- C) n) (<= n C)))
(assert (<= (+ bound C) 4611686018427387904))

(assert (not (and (<= (- (+ bound C)) (+ total n)) (<= (+ total n) (+ bound C))
                  (<= (- 9223372036854775808) (+ total n)) (<= (+ total n) 9223372036854775807))))
(check-sat)
