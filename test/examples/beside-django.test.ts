/** That a visitor of a Django site with one route in Node notices nothing: the newest Django to be had. */
import { tryBeside } from './beside-django/try-beside.js'

await tryBeside(undefined, 'redis', 'Redis')
