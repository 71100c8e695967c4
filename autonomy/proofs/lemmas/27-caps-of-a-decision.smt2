; Lemma 27: caps-of-a-decision
;
; statement:
;   If batteries follow their set-points, generation stays below its caps and no load falls below what was planned,
;   then every line's export stays inside its limit (or inside a milliwatt a prosumer, if that is more), whatever was
;   measured. Imports mirror this: load below its caps, generation not below plan.
; symbols:
;   planned                        mW, flow of the prosumers added up so far, as planned
;   flow, drawn                    mW, their flow when generation, and when load, goes up to its caps
;   shares_out, shares_in          mW, the shares of free capacity in their caps
;   generation_plan, load_plan, b  mW, of the next prosumer: g − c, d − s, b
;   share_out, share_in            mW, the shares in its caps
;   generation_cap, load_cap       mW, its caps: plan + share
;   generation, load               mW, what really happens when generation rises
;   generation_low, load_high      mW, what really happens when load rises
;   planned_after, whole           mW, planned flow of all prosumers below the line, and the same in integers
;   below                          number of prosumers below the line; lemma 11: the two are at most that many mW apart
;   Lexp, Limp                     mW, limits of the line
;   exports, imports               mW, CHECK's integer bounds for them, at most what lemma 12 allows
; code:
;   autonomy/layers/supervision/caps.py | np.subtract(export_kw, flow, out=spare[0])
;   autonomy/layers/supervision/caps.py | np.add(import_kw, flow, out=spare[1])
;   autonomy/layers/supervision/caps.py | more[0] += generation_kw
;   autonomy/layers/supervision/caps.py | more[1] += load_kw
; every N:
;   The induction step over the prosumers below a line, and what follows from it after the last of them: the shares
;   sum to at most what is free (lemma 25). A connection is the case of one prosumer.
; control:
;   the blind spot: a load that falls below what was planned
;   - (assert (<= load_plan load))
;   + (assert (<= 0 load))
; control:
;   what is free is counted from the limit itself, not from CHECK's bound
;   - (to_real (- exports whole))
;   + (- Lexp (to_real whole))

(set-logic QF_LIRA)
(declare-const below Int)
(declare-const whole Int)
(declare-const exports Int)
(declare-const imports Int)
(declare-const planned Real)
(declare-const flow Real)
(declare-const drawn Real)
(declare-const shares_out Real)
(declare-const shares_in Real)
(declare-const generation_plan Real)
(declare-const load_plan Real)
(declare-const b Real)
(declare-const share_out Real)
(declare-const share_in Real)
(declare-const generation_cap Real)
(declare-const load_cap Real)
(declare-const generation Real)
(declare-const load Real)
(declare-const generation_low Real)
(declare-const load_high Real)
(declare-const planned_after Real)
(declare-const Lexp Real)
(declare-const Limp Real)
(define-fun min ((a Real) (b Real)) Real (ite (<= a b) a b))
(define-fun max ((a Real) (b Real)) Real (ite (<= a b) b a))

(assert (and (<= 0 generation_plan) (<= 0 load_plan) (<= 0 share_out) (<= 0 share_in)))
(assert (and (<= flow (+ planned shares_out)) (<= (- planned shares_in) drawn)))
(assert (and (= generation_cap (+ generation_plan share_out)) (= load_cap (+ load_plan share_in))))
(assert (and (<= 0 generation) (<= generation generation_cap)))
(assert (<= load_plan load))
(assert (and (<= 0 load_high) (<= load_high load_cap)))
(assert (<= generation_plan generation_low))
(assert (= planned_after (+ planned (- (- generation_plan load_plan) b))))
; after the last prosumer
(assert (and (<= 0 below) (<= (- planned_after (to_real whole)) (to_real below))
             (<= (- (to_real whole) planned_after) (to_real below))))
(assert (<= (to_real exports) (max (to_real (- (to_int Lexp) below)) 0.0)))
(assert (<= (to_real imports) (max (to_real (- (to_int Limp) below)) 0.0)))
(assert (and (<= 0 Lexp) (<= 0 Limp) (<= (- imports) whole) (<= whole exports)))
(assert (<= (+ shares_out share_out) (to_real (- exports whole))))
(assert (<= (+ shares_in share_in) (to_real (+ imports whole))))
(define-fun flow_after () Real (+ flow (- (- generation load) b)))
(define-fun drawn_after () Real (+ drawn (- (- generation_low load_high) b)))

(assert (not (and
  (<= flow_after (+ planned_after (+ shares_out share_out)))
  (<= (- planned_after (+ shares_in share_in)) drawn_after)
  (<= flow_after (max Lexp (to_real below)))
  (<= (- (max Limp (to_real below))) drawn_after))))
(check-sat)
