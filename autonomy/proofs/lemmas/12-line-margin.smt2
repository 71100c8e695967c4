; Lemma 12: line-margin
;
; statement:
;   A limit of at least one milliwatt a prosumer below, rounded down and lowered by as many milliwatts as there are
;   prosumers, holds for the flow as executed when it holds for the integers. A smaller limit is held up to one
;   milliwatt a prosumer. (A connection is the case of one prosumer.)
; symbols:
;   below        prosumers below the line
;   limit        mW >= 0: Lexp, Limp − w, or K
;   bound        mW, the integer limit, or a smaller one
;   flow, whole  mW, in the direction of the limit: the flow as executed and in integers, at most `below` apart (lemma
;                11)
; code:
;   autonomy/layers/supervision/milliwatt.py | connection = np.maximum(_limit(capacity.connection_limit_kw) - 1, 0)
;   autonomy/layers/supervision/milliwatt.py | import_limit = np.maximum(_limit(capacity.import_limit_kw) - below, 0)
;   autonomy/layers/supervision/milliwatt.py | export_limit = np.maximum(_limit(capacity.export_limit_kw) - below, 0)
; every N:
;   The end of the induction of lemma 11 with k = all prosumers below the line, for each of any number of lines, each
;   in both directions.
; control:
;   no margin is kept for the rounding of the measurements
;   - (- (to_int limit) below)
;   + (to_int limit)
; control:
;   the limit is said to hold even if it is smaller than the margin, as a limit of 0 is
;   - (=> (<= (to_real below) limit) (<= flow limit))
;   + (<= flow limit)

(set-logic QF_LIRA)
(declare-const limit Real)
(declare-const flow Real)
(declare-const below Int)
(declare-const bound Int)
(declare-const whole Int)
(define-fun min ((a Real) (b Real)) Real (ite (<= a b) a b))
(define-fun max ((a Real) (b Real)) Real (ite (<= a b) b a))

(assert (and (<= 0 limit) (<= 0 below)))
(assert (<= (to_real bound) (max (to_real (- (to_int limit) below)) 0.0)))
(assert (<= (- flow (to_real whole)) (to_real below)))
(assert (<= whole bound))

(assert (not (and (=> (<= (to_real below) limit) (<= flow limit))
                  (<= flow (max limit (to_real below))))))
(check-sat)
