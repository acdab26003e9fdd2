from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from .models import Entry

GOODS = ["mug", "map"]


def home(request):
    return render(request, "home.html", {"goods": GOODS})


@require_POST
def add_to_cart(request):
    cart = request.session.get("cart", {})
    item = request.POST.get("item")
    if item in GOODS:
        # A new dictionary: of a change inside the old one Django would not know.
        request.session["cart"] = {**cart, item: cart.get(item, 0) + 1}
    return redirect("home")


def guestbook(request):
    if request.method == "POST":
        author = request.user.get_username() or "somebody"
        Entry.objects.create(author=author, text=request.POST.get("text", "")[:200])
        messages.success(request, f"Django says: thank you, {author}")
        return redirect("guestbook")
    return render(request, "guestbook.html", {"entries": Entry.objects.order_by("-pk")[:20]})
