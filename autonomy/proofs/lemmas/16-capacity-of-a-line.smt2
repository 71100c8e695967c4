; Lemma 16: capacity-of-a-line
;
; statement:
;   If each node and line below has as much to spare as it still carries, then what flows through the line is what can
;   be taken from below less what can be added below: no flow exceeds what can be taken. One node or line more keeps
;   this true.
; symbols:
;   flow                              mW, sum over what was added up so far
;   down, up                          mW, sums of what can be taken from, and added to, what was added up so far
;   kept                              mW, flow of the next node or line below, inside its limits already
;   spare                             mW, what it has to spare; lemma 15: all that it carries
;   flow_after, down_after, up_after  mW, the sums with it
; code:
;   autonomy/layers/supervision/recovery.py | flow = sum(net[i] - moved[i] for i in nodes[line]) + sum(kept[k] for k in lines[line])
;   autonomy/layers/supervision/recovery.py | most_down, most_up = sum(x for x in below if x > 0), -sum(x for x in below if x < 0)
; every N:
;   Two inductions: over the nodes and lines that hang on one line (this step; it starts with three empty sums), and
;   from the leaves to the feeder (lemma 15 turns flow <= down and −flow <= up into spare = kept for the line itself).
; control:
;   a host that cannot cut all that it generates
;   - (assert (= spare kept))
;   + (assert (<= spare kept))

(set-logic QF_LIA)
(declare-const flow Int)
(declare-const down Int)
(declare-const up Int)
(declare-const kept Int)
(declare-const spare Int)
(declare-const flow_after Int)
(declare-const down_after Int)
(declare-const up_after Int)
(define-fun min ((a Int) (b Int)) Int (ite (<= a b) a b))
(define-fun max ((a Int) (b Int)) Int (ite (<= a b) b a))

(assert (and (<= 0 down) (<= 0 up)))
(assert (= flow (- down up)))
(assert (= spare kept))
(assert (= flow_after (+ flow kept)))
(assert (= down_after (+ down (max spare 0))))
(assert (= up_after (+ up (max (- spare) 0))))

(assert (not (and (<= 0 down_after) (<= 0 up_after) (= flow_after (- down_after up_after))
                  (<= flow_after down_after) (<= (- flow_after) up_after))))
(check-sat)
