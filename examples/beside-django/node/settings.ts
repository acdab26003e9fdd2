import { defineSettings, type Settings, settingsFromEnv } from 'sojourn'

/**
 * What ../django/guestbook/settings.py says, in Django's own spelling so that the two can be laid side by side. From the environment
 * come SECRET_KEY, DATABASE_URL, SESSION_ENGINE, CACHE_URL, CSRF_USE_SESSIONS, CSRF_COOKIE_MASKED, PBKDF2_ITERATIONS and LOGIN_URL.
 */
export function settings(env: NodeJS.ProcessEnv = process.env): Settings {
  return {
    ...defineSettings({
      SESSION_COOKIE_NAME: 'sessionid',
      SESSION_COOKIE_AGE: 1209600,
      SESSION_COOKIE_SECURE: false, // true on a real site, which has HTTPS
      CSRF_COOKIE_NAME: 'csrftoken',
      CSRF_COOKIE_SECURE: false, // the same
      USE_TZ: true,
      TIME_ZONE: 'UTC',
      AUTHENTICATION_BACKENDS: ['django.contrib.auth.backends.ModelBackend'],
      LOGIN_URL: '/login/', // Django's page; with a provider the environment says '/oidc/login'
      LOGIN_REDIRECT_URL: '/',
      ALLOWED_HOSTS: ['.localhost', '127.0.0.1'],
      SECURE_PROXY_SSL_HEADER: ['HTTP_X_FORWARDED_PROTO', 'https'],
    }),
    ...settingsFromEnv(env),
  }
}
