from . import links


class EndedLoginMiddleware:
    """Ends what a logout elsewhere could not delete: sessions in cookies, in a cache, or whose key Django changed."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        accessed = request.session.accessed
        if links.is_over(request.session):
            request.session.flush()
        else:
            # For a login in this request, which may be somebody else's.
            request.sojourn_login = links.login_of(request.session)
            # A page that does not look at the session varies with no cookie.
            request.session.accessed = accessed
        response = self.get_response(request)
        accessed = request.session.accessed
        links.renew(request.session)
        request.session.accessed = accessed
        return response
