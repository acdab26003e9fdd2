import 'reflect-metadata'
import { Body, Controller, Get, Module, Post, Redirect, Req, Session } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { settingsFromEnv, type Session as UserSession } from 'sojourn'
import {
  authenticate,
  CurrentUser,
  csrfInput,
  getMessages,
  login,
  logout,
  messages,
  sojourn,
  type User,
} from 'sojourn/nest'
import { cartPage, homePage, loginPage, type Shown } from '../shared/pages.js'
import { demoUsers } from '../shared/users.js'

declare module 'sojourn' {
  interface SessionData {
    cart: string[]
  }
}

@Controller()
class ShopController {
  @Get()
  home(@Req() request: object, @Session() session: UserSession, @CurrentUser() user: User | null): string {
    return homePage(shown(request, session, user))
  }

  @Get('login')
  loginForm(@Req() request: object, @Session() session: UserSession): string {
    return loginPage(shown(request, session))
  }

  @Post('login')
  @Redirect('/')
  async login(@Req() request: object, @Body() form: Record<string, string>): Promise<{ url: string } | undefined> {
    const user = await authenticate(request, form)
    if (user === null) {
      messages.error(request, 'Wrong name or password.')
      return { url: '/login' }
    }
    await login(request, user)
    return undefined
  }

  @Get('cart')
  cart(@Req() request: object, @Session() session: UserSession): string {
    return cartPage(shown(request, session))
  }

  @Post('cart')
  @Redirect('/cart')
  add(@Req() request: object, @Session() session: UserSession, @Body('item') item: string): void {
    session.cart = [...session.get('cart', []), item]
    messages.success(request, `${item} is in the cart.`)
  }

  @Post('logout')
  @Redirect('/')
  async logout(@Req() request: object): Promise<void> {
    await logout(request)
  }
}

@Module({
  imports: [
    sojourn({
      secretKey: 'only for a first try',
      authenticationBackends: [demoUsers],
      // SECRET_KEY, DATABASE_URL and whatever else of Django's settings the environment has.
      ...settingsFromEnv(),
    }),
  ],
  controllers: [ShopController],
})
class AppModule {}

function shown(request: object, session: UserSession, user: User | null = null): Shown {
  return {
    csrf: csrfInput(request),
    username: user?.username,
    cart: session.get('cart'),
    notes: [...getMessages(request)].map(({ message }) => String(message)),
  }
}

const app = await NestFactory.create(AppModule)
app.enableShutdownHooks()
const port = Number(process.env.PORT ?? 8000)
await app.listen(port, '127.0.0.1')
console.log(`http://localhost:${port}/`)
