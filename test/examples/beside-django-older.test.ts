/** The same with Django 3.2, whose caches know no Redis. */
import { tryBeside } from './beside-django/try-beside.js'

await tryBeside('bookworm', 'memcached', 'Memcached (this Django has no Redis)')
