// Every word of the page, in both languages.

const WORDS = {
  ar: {
    brand: "دايرة", promise: "فيديوهات ناسك، في دايرتك.", phone: "رقم الموبايل", send: "ابعت الكود", code: "الكود",
    enter: "دخول", other: "طريقة تانية", back: "رقم تاني", use: "استخدمه", refresh: "تحديث", leave: "خروج",
    language: "EN", emptyTitle: "دايرتك لسه فاضية", emptyText: "تابع حد عشان تشوف فيديوهاته هنا.", handle: "اسم المستخدم",
    follow: "متابعة", wire: "اللي بيحصل دلوقتي", wireText: "كل طلب بتبعته الصفحة للبوابة، برقمه.", docs: "كل المسارات",
    sound: "شغّل الصوت", quiet: "اكتم الصوت", likes: "إعجاب", comments: "تعليق", views: "مشاهدة", play: "تشغيل أو إيقاف",
    processing: "الفيديو بيتجهز…", broken: "الفيديو مش شغال دلوقتي", FOLLOWING: "بقيت متابعه", REQUESTED: "طلبك اتبعت",
    FLASH_CALL: "مكالمة فائتة", WHATSAPP_OTP: "واتساب", SMS_OTP: "رسالة قصيرة", sandbox: "صندوق التجارب",
    sentBy: "بعتنالك الكود على", offline: "مفيش اتصال بالبوابة", left: "محاولات فاضلة",
  },
  en: {
    brand: "DAIRA", promise: "Your people's videos, in your circle.", phone: "Mobile number", send: "Send the code",
    code: "Code", enter: "Log in", other: "Another way", back: "Another number", use: "Use it", refresh: "Refresh",
    leave: "Log out", language: "ع", emptyTitle: "Your circle is empty", emptyText: "Follow somebody to see their videos here.",
    handle: "Handle", follow: "Follow", wire: "On the wire", wireText: "Every request of this page, with its id.",
    docs: "All routes", sound: "Sound on", quiet: "Mute", likes: "likes", comments: "comments", views: "views",
    play: "Play or pause", processing: "This video is being prepared…", broken: "This video does not play right now",
    FOLLOWING: "You follow them now", REQUESTED: "Your request was sent", FLASH_CALL: "Missed call",
    WHATSAPP_OTP: "WhatsApp", SMS_OTP: "SMS", sandbox: "sandbox", sentBy: "The code was sent by", offline: "The gateway does not answer",
    left: "attempts left",
  },
};

let language = new URLSearchParams(location.search).get("lang") || localStorage.getItem("daira.language") || "ar";
if (!(language in WORDS)) language = "ar";

export const current = () => language;
export const word = (name) => WORDS[language][name] ?? name;
export const number = (value) => new Intl.NumberFormat(language === "ar" ? "ar-EG" : "en").format(value);

/** A problem in a sentence: its title is in the reader's language, its detail in English. */
export function explained(problem) {
  const said = language === "ar" ? problem.title || problem.detail : problem.detail || problem.title;
  return problem.attemptsLeft === undefined ? said : `${said} · ${number(problem.attemptsLeft)} ${word("left")}`;
}

/** Puts the words into the page; elements name theirs in `data-text` or `data-label`. */
export function speak(chosen = language) {
  language = chosen;
  localStorage.setItem("daira.language", language);
  document.documentElement.lang = language;
  document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
  document.title = word("brand");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = word(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", word(element.dataset.label));
  const toggle = document.getElementById("language");
  toggle.textContent = word("language");
  toggle.lang = language === "ar" ? "en" : "ar";
}

export const other = () => (language === "ar" ? "en" : "ar");
