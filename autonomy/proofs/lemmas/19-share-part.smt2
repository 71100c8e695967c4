; Lemma 19: share-part
;
; statement:
;   The part that is handed out first, amount·capacity/total rounded down, lies between 0 and the capacity.
; symbols:
;   amount    mW >= 0, to be shared, at most `total`
;   total     mW > 0, sum of all capacities
;   capacity  mW, of one of them, between 0 and total
;   part      mW, the integer part·total <= amount·capacity < (part + 1)·total
; code:
;   autonomy/layers/supervision/recovery.py | amount = min(amount, total)
;   autonomy/layers/supervision/recovery.py | parts = [amount * capacity // total for capacity in capacities]
; every N:
;   One part at a time.
; control:
;   more is shared than there is room for
;   - (<= amount total)
;   + (<= amount (* 2 total))

(set-logic QF_NIA)
(declare-const amount Int)
(declare-const total Int)
(declare-const capacity Int)
(declare-const part Int)

(assert (and (< 0 total) (<= 0 amount) (<= amount total)))
(assert (and (<= 0 capacity) (<= capacity total)))
(assert (and (<= (* part total) (* amount capacity)) (< (* amount capacity) (* (+ part 1) total))))

(assert (not (and (<= 0 part) (<= part capacity))))
(check-sat)
