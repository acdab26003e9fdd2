from django.contrib import admin
from django.urls import path

from . import views

urlpatterns = [
    path("django/session.json", views.session_json),
    path("django/ops", views.ops),
    path("django/whoami", views.whoami),
    path("django/login", views.login),
    path("django/logout", views.logout),
    path("django/password", views.password),
    path("django/csrf.json", views.csrf_json),
    path("django/form", views.form),
    path("django/messages", views.message_list),
    path("django/admin/", admin.site.urls),
]
