from django.contrib.auth.hashers import PBKDF2PasswordHasher


class FewRounds(PBKDF2PasswordHasher):
    """pbkdf2_sha256 as Django's own, in a thousandth of the time: what is tested is the format, not the cost."""

    iterations = 1000
