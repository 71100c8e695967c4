; Lemma 25: fair-shares
;
; statement:
;   If each of N prosumers below a line gets at most an N-th of its limit, then any k of them get at most k/N of it,
;   and all of them at most all of it.
; symbols:
;   limit  kW >= 0, what is shared: a limit, or what a line has free
;   N      number of prosumers below the line, >= 1
;   k      prosumers added up so far
;   total  kW, their shares; total·N <= k·limit
;   share  kW, of the next: at most limit/N, because it is the least over all lines above
; code:
;   autonomy/layers/physics.py | return least_above(network, rounding.divided(limit_kw, network.sharers))
;   autonomy/layers/physics.py | least = np.minimum(least, least.take(above, axis=-1))
;   autonomy/layers/supervision/caps.py | spare /= network.sharers
;   autonomy/layers/supervision/caps.py | np.minimum(more, physics.least_above(network, spare), out=more)
; every N:
;   The induction step over the prosumers below a line; it starts with the empty sum and ends with k + 1 = N. Lines do
;   not matter to each other: a share is small enough for all lines above it.
; control:
;   shares for one prosumer fewer than there are
;   - (assert (<= (* share N) limit))
;   + (assert (and (< 1 N) (<= (* share (- N 1)) limit)))

(set-logic QF_NRA)
(declare-const limit Real)
(declare-const N Real)
(declare-const k Real)
(declare-const total Real)
(declare-const share Real)

(assert (and (<= 0 limit) (<= 1 N) (<= 0 k)))
(assert (<= (* total N) (* k limit)))
(assert (<= (* share N) limit))

(assert (not (and (<= (* (+ total share) N) (* (+ k 1) limit))
                  (=> (<= (+ k 1) N) (<= (+ total share) limit)))))
(check-sat)
