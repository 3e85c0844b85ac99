"""Fuzzing: properties that must hold for every input, run for as long as one likes (``python -m fuzz``).

``targets`` holds one property per module, ``corpus`` the inputs that once broke one, ``engine`` what runs them.
"""
