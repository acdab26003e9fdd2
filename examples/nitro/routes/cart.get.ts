import { defineHandler } from 'nitro/h3'
import { cartPage } from '../../shared/pages'
import { page, shown } from '../utils/page'

export default defineHandler(async (event) => page(cartPage(await shown(event))))
