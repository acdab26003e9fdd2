import { defineHandler } from 'nitro/h3'
import { loginPage } from '../../shared/pages'
import { page, shown } from '../utils/page'

export default defineHandler(async (event) => page(loginPage(await shown(event))))
