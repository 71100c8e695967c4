"""Learning by trial: PPO and SAC of Stable-Baselines3 on many communities at once; needs torch and Stable-Baselines3.

layout, features   what a prosumer sees, made smaller and without units, as a part of the saved policy
action             what a learner's three numbers mean: levels of the store, relative to the community's surplus
reward             difference rewards, the potential of what is stored, the penalty for interventions
street             several `make_vec` side by side as one
exam               the weeks and communities that validate
ppo, sac           one file an algorithm
actor              what a saved model does without noise, in NumPy
chapters           training that can be broken off and goes on, checkpoint by checkpoint
"""
