import { defineHandler } from 'nitro/h3'
import { homePage } from '../../shared/pages'
import { page, shown } from '../utils/page'

export default defineHandler(async (event) => page(homePage(await shown(event))))
