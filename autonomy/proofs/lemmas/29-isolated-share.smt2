; Lemma 29: isolated-share
;
; statement:
;   Taking the shares of isolated prosumers off a limit before the others are planned keeps the limit: the others
;   within what is left, the isolated within their shares, whatever they do.
; symbols:
;   limit             kW >= 0, Lexp or Limp − w
;   taken             kW, sum of the shares of isolated prosumers below the line; at most the limit (lemma 25)
;   left              kW, the limit the others are planned with
;   others, isolated  kW, net exports of the two groups in the limit's direction
; code:
;   autonomy/layers/supervision/isolation.py | return frozen(np.maximum(limit_kw - physics.line_flows(network, taken), 0.0))
; every N:
;   For each line on its own, with sums over any number of prosumers.
; control:
;   nothing is taken off the limit
;   - (max (- limit taken) 0)
;   + limit

(set-logic QF_LRA)
(declare-const limit Real)
(declare-const taken Real)
(declare-const left Real)
(declare-const others Real)
(declare-const isolated Real)
(define-fun min ((a Real) (b Real)) Real (ite (<= a b) a b))
(define-fun max ((a Real) (b Real)) Real (ite (<= a b) b a))

(assert (and (<= 0 taken) (<= taken limit)))
(assert (= left (max (- limit taken) 0)))
(assert (<= others left))
(assert (<= isolated taken))

(assert (not (<= (+ others isolated) limit)))
(check-sat)
