from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.urls import path
from django.views.decorators.http import require_POST

from . import views

urlpatterns = [
    path("", views.home, name="home"),
    path("cart", views.add_to_cart, name="cart"),
    path("guestbook/", views.guestbook, name="guestbook"),
    path("login/", LoginView.as_view(template_name="login.html"), name="login"),
    path("logout/", require_POST(LogoutView.as_view(next_page="home")), name="logout"),
    path("password/", PasswordChangeView.as_view(template_name="password.html", success_url="/"), name="password"),
    path("admin/", admin.site.urls),
]
