"""The tests' pages, and beside them a login page and the routes of logins over several sites."""

from django.contrib.auth.views import LoginView
from django.http import HttpResponse
from django.urls import include, path

from .urls import urlpatterns as pages

urlpatterns = [
    *pages,
    path("django/plain", lambda request: HttpResponse("plain", content_type="text/plain")),
    path("login", LoginView.as_view(template_name="admin/login.html")),
    path("sso/", include("sojourn_sso.urls")),
]
