"""`autonomy benchmark horizon`: solvers of the look-ahead program on days with a peak.

`peaks` draws the instances, `textbook` states the program with charge and discharge apart, `methods` are what is
timed, `verdict` says what an answer is worth, `run` measures a case, `table` shows it.
"""
