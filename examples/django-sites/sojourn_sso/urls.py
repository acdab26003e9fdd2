from django.conf import settings
from django.urls import path

from . import views

urlpatterns = [path("begin", views.begin), path("logout", views.logout)]
if settings.SOJOURN_SITES["self"] == "hub":
    urlpatterns.append(path("grant", views.grant))
else:
    urlpatterns.append(path("callback", views.callback))
