// Turns the moment a session ends into the time that is left, every second. Without it the moment itself is shown.
const clock = document.querySelector('[data-countdown]')

if (clock) {
  const ends = Date.parse(clock.dateTime)
  const moment = clock.textContent
  clock.title = moment
  const two = (number) => String(number).padStart(2, '0')
  const show = () => {
    const left = Math.max(0, Math.round((ends - Date.now()) / 1000))
    const days = Math.floor(left / 86400)
    const hours = Math.floor((left % 86400) / 3600)
    const minutes = Math.floor((left % 3600) / 60)
    clock.textContent = `${days} d ${two(hours)}:${two(minutes)}:${two(left % 60)}`
  }
  show()
  setInterval(show, 1000)
}
