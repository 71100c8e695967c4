; Lemma 24: least-cuts
;
; statement:
;   If the cuts below a line are the least that the limits below allow, then the least with the line's own limit is
;   what the recovery takes in addition, and nothing less would do.
; symbols:
;   uncut                      mW, flow of the line if nothing below were cut, b = 0
;   curtail, shed              mW, cuts of any plan with b = 0 that keeps all limits
;   least_curtail, least_shed  mW, least cuts for the limits below the line alone
;   imports, exports           mW >= 0, Limp and Lexp of the line
;   more, fewer                mW, what the recovery takes at the line: curtailment, shedding
; code:
;   autonomy/layers/supervision/recovery.py | take = min(max(flow - most, 0), give) if flow > 0 else max(min(flow - least, 0), give)
; every N:
;   The induction step from the leaves to the feeder. At a node the same holds with K on both sides and no cuts below.
; control:
;   one milliwatt more than needed is cut
;   - (= more (max (- flow exports) 0))
;   + (= more (max (+ 1 (- flow exports)) 0))

(set-logic QF_LIA)
(declare-const uncut Int)
(declare-const curtail Int)
(declare-const shed Int)
(declare-const least_curtail Int)
(declare-const least_shed Int)
(declare-const imports Int)
(declare-const exports Int)
(declare-const flow Int)
(declare-const more Int)
(declare-const fewer Int)
(define-fun min ((a Int) (b Int)) Int (ite (<= a b) a b))
(define-fun max ((a Int) (b Int)) Int (ite (<= a b) b a))

(assert (and (<= 0 imports) (<= 0 exports)))
(assert (and (<= 0 least_curtail) (<= least_curtail curtail) (<= 0 least_shed) (<= least_shed shed)))
(assert (<= (- imports) (+ (- uncut curtail) shed)))
(assert (<= (+ (- uncut curtail) shed) exports))
(assert (= flow (+ (- uncut least_curtail) least_shed)))
(assert (= more (max (- flow exports) 0)))
(assert (= fewer (max (- (- imports) flow) 0)))

(assert (not (and (<= (+ least_curtail more) curtail) (<= (+ least_shed fewer) shed)
                  (<= (- imports) (- (+ flow fewer) more)) (<= (- (+ flow fewer) more) exports))))
(check-sat)
