from django.conf import settings


def provider(request):
    """Whether visitors log in by a provider: pages then have its login and its logout too, which are Node's routes."""
    return {"provider": settings.LOGIN_URL.startswith("/oidc/")}
