import json

from django.contrib import auth, messages
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.template import RequestContext, Template
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from .operations import apply

FORM = Template(
    '<!doctype html><title>form</title><form method="post">{% csrf_token %}<input name="text"><button>send</button></form>'
)


def answer(value, status=200):
    """Python's JSON keeps every number as it is: 1.0 stays 1.0, long integers keep their digits."""
    return HttpResponse(json.dumps(value, default=str), content_type="application/json", status=status)


def body(request):
    """The fields of a form, or JSON."""
    return json.loads(request.body) if request.content_type == "application/json" else request.POST.dict()


def user_of(request):
    user = request.user
    return {"id": user.pk, "username": user.get_username()} if user.is_authenticated else None


def session_json(request):
    session = request.session
    return answer(
        {
            "data": dict(session.items()),
            "key": session.session_key,
            "expiry_age": session.get_expiry_age(),
            "expire_at_browser_close": session.get_expire_at_browser_close(),
        }
    )


@csrf_exempt
@require_POST
def ops(request):
    """Body: the list of operations, or {"ops": [...], "status": 500} for a response of that status."""
    given = json.loads(request.body)
    given = {"ops": given} if isinstance(given, list) else given
    results = apply(request.session, given["ops"])
    return answer({"results": results, "key": request.session.session_key}, given.get("status", 200))


def whoami(request):
    return answer(user_of(request))


@csrf_exempt
@require_POST
def login(request):
    given = body(request)
    user = auth.authenticate(request, username=given["username"], password=given["password"])
    if user is None:
        return answer(None, 403)
    auth.login(request, user)
    return answer(user_of(request))


@csrf_exempt
@require_POST
def logout(request):
    auth.logout(request)
    return answer(None)


@csrf_exempt
@require_POST
def password(request):
    """Changes one's own password and stays logged in here."""
    request.user.set_password(body(request)["password"])
    request.user.save()
    auth.update_session_auth_hash(request, request.user)
    return answer(user_of(request))


def csrf_json(request):
    return answer({"token": get_token(request)})


def form(request):
    if request.method == "POST":
        return HttpResponse("ok", content_type="text/plain")
    return HttpResponse(FORM.render(RequestContext(request)))


@csrf_exempt
@require_http_methods(["GET", "POST"])
def message_list(request):
    """GET reads them all, which uses them up; POST adds {"text", "level" (20), "extra_tags" ("")}."""
    if request.method == "POST":
        given = body(request)
        messages.add_message(request, int(given.get("level", 20)), given["text"], given.get("extra_tags", ""))
        return answer(None)
    return answer(
        [
            {"level": one.level, "tags": one.tags, "extra_tags": one.extra_tags, "text": str(one.message)}
            for one in messages.get_messages(request)
        ]
    )
