; Lemma 20: share-floors
;
; statement:
;   The parts rounded down never add up to more than the amount: what is left to hand out is at least 0, and at most
;   the room that is left.
; symbols:
;   amount             mW >= 0, to be shared, at most `total`
;   total              mW > 0, sum of all capacities
;   capacities, parts  mW, sums over the first k of them; parts·total <= amount·capacities
;   capacity, part     mW, of the next one; part·total <= amount·capacity, part <= capacity (lemma 19)
; code:
;   autonomy/layers/supervision/recovery.py | rest = amount - sum(parts)
; every N:
;   The induction step over the parts, which starts with empty sums; at the end, where the capacities add up to the
;   total, it says 0 <= rest <= room, from where lemma 21 goes on.
; control:
;   parts are rounded up
;   - (<= (* part total) (* amount capacity))
;   + (and (<= (* amount capacity) (* part total)) (< (* (- part 1) total) (* amount capacity)))

(set-logic QF_NIA)
(declare-const amount Int)
(declare-const total Int)
(declare-const capacities Int)
(declare-const parts Int)
(declare-const capacity Int)
(declare-const part Int)

(assert (and (< 0 total) (<= 0 amount) (<= amount total)))
(assert (and (<= 0 capacities) (<= 0 capacity)))
(assert (<= (* parts total) (* amount capacities)))
(assert (<= (* part total) (* amount capacity)))

(assert (not (and
  (<= (* (+ parts part) total) (* amount (+ capacities capacity)))
  (=> (= (+ capacities capacity) total)
      (and (<= 0 (- amount (+ parts part))) (<= (- amount (+ parts part)) (- total (+ parts part))))))))
(check-sat)
