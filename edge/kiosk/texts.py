"""Every word of the page in Chinese and English; never a word of the notice, which comes from the core."""

from typing import Literal

from edge.kiosk.texts_buyer import BUYER_TEXTS
from edge.kiosk.texts_desk import DESK_TEXTS
from edge.kiosk.texts_mine import MINE_TEXTS
from edge.kiosk.texts_paper import PAPER_TEXTS
from edge.wire import Scope

Lang = Literal["zh", "en"]

_TEXTS: dict[str, tuple[str, str]] = {
    "brand": ("访客接待", "Visitor desk"),
    "language": ("English", "中文"),
    "back": ("返回首页", "Back to the start"),
    "yes": ("同意", "Yes"),
    "no": ("不同意", "No"),
    "idle": (
        "{n} 秒后清屏。碰一下屏幕，可以继续。",
        "The screen clears in {n} seconds. Touch it to go on.",
    ),
    # start
    "start.title": ("您好，欢迎光临", "Welcome"),
    "start.lead": (
        "登记与否，由您决定；不登记，接待也一样周到。",
        "Registering is up to you. You are just as welcome without it.",
    ),
    "start.register": ("登记来访", "Register"),
    "start.register_note": ("逐项选择，约二十秒", "Choose item by item, about 20 seconds"),
    "start.decline": ("不登记，直接参观", "Visit without registering"),
    "start.decline_note": ("不留号码，不留信息", "No number, nothing kept"),
    "start.choice": ("请选择", "Please choose"),
    "start.again": ("登记过？报号码就好", "Been here before? Just your number"),
    "start.leave": ("离开", "I’m leaving"),
    "start.withdraw": ("撤回同意", "Withdraw consent"),
    "start.notice": ("阅读告知", "Read the notice"),
    "start.more": ("其他事项", "More"),
    # register
    "register.title": ("登记来访", "Register"),
    "register.lead": (
        "每一项单独选择；没有选的，不算同意。",
        "Each choice stands alone. What you leave open is not agreed to.",
    ),
    "register.scopes": ("您同意哪些用途？", "What do you agree to?"),
    "register.phone": ("手机号码", "Phone number"),
    "register.phone_hint": ("同意登记时才需要填写", "Only needed if you agree to being registered"),
    "register.no_phone": ("没有手机，只登记这一次", "No phone: register this visit only"),
    "register.name": ("怎么称呼您", "Your name"),
    "register.name_hint": ("可以不填", "You need not give it"),
    "register.party": ("几位（含您）", "How many of you"),
    "register.fewer": ("减一人", "One fewer"),
    "register.more": ("加一人", "One more"),
    "register.source": ("哪位带您来的？", "Who brought you?"),
    "register.source_note": (
        "可以不答；只在您同意上面这一项时保存。",
        "You need not answer. Kept only if you agree to the item above.",
    ),
    "source.agent": ("中介、经纪人", "An agent"),
    "source.walk_in": ("自己来的", "Nobody"),
    "source.advert": ("看到广告", "An advert"),
    "source.friend": ("朋友介绍", "A friend"),
    "source.other": ("其他", "Other"),
    "register.channel": ("是哪一家？", "Which company?"),
    "register.channel_note": ("可以不说。", "You need not say."),
    "register.channel_search": ("按名称找", "Find by name"),
    "register.channel_none": ("没有这个名称，可以选“不说”。", "No such name. You need not say."),
    "register.channel_unsaid": ("不说，或不在这里", "I’d rather not say, or not listed"),
    "register.submit": ("提交我的选择", "Submit my choices"),
    "register.decline": ("不登记，直接参观", "Visit without registering"),
    # coming again
    "again.title": ("欢迎再来", "Welcome back"),
    "again.lead": (
        "输入登记过的号码即可。以前同意的照旧有效，不会重复询问。",
        "The number you registered with is enough. What you agreed to still stands and isn’t asked again.",
    ),
    "again.submit": ("登记这次来访", "Register this visit"),
    "again.unknown": (
        "这个号码现在没有登记，请在这里登记。",
        "This number isn’t registered just now. Please register here.",
    ),
    "uses.title": ("还有几项，由您决定", "A few more, as you like"),
    "uses.lead": (
        "只问您没有决定过的。每一项单独选择；没有选的，不算同意。",
        "Only what you haven’t decided on. Each choice stands alone; what you leave open is not agreed to.",
    ),
    "uses.without": ("不用，返回", "Go back without these"),
    "done.uses": ("其他用途", "Other uses"),
    "done.uses_note": ("愿意的话，逐项选择", "Choose item by item, if you like"),
    # a child under 14
    "child.question": ("来访者未满 14 周岁？由监护人登记", "Under 14? A guardian registers"),
    "child.title": ("为孩子登记", "Registering a child"),
    "child.lead": (
        "未满 14 周岁，要由监护人同意。只登记这一次来访，不用号码、人脸和身份证；离开即删除。",
        "Under 14 a guardian has to agree. This visit alone is registered, without number, face or card, "
        "and deleted on leaving.",
    ),
    "child.name": ("怎么称呼孩子", "The child’s name"),
    "child.party": ("几位（含孩子）", "How many of you"),
    "child.guardian": ("监护人，请选一种方式", "The guardian: choose one way"),
    "child.guardian_lead": (
        "证明您同意过：加密保存在本机，不上传，到期自动删除。",
        "It shows that you agreed: kept encrypted on this box, never sent, deleted when its time is over.",
    ),
    "child.by_card": ("用您自己的身份证", "By your own ID card"),
    "child.by_card_note": (
        "先把您的证件放在读卡器上。只留姓名和号码后四位，不留照片。",
        "Put your card on the reader first. Your name and the number’s last four digits are kept, no photo.",
    ),
    "child.agree_card": ("我是监护人，同意；读我的证件", "I am the guardian and agree: read my card"),
    "child.by_signature": ("签名", "By signature"),
    "child.by_signature_note": ("留下您的姓名和签名。", "Your name and your signature are kept."),
    "child.guardian_name": ("您的姓名", "Your name"),
    "child.field": ("手写签名区", "Field for a signature by hand"),
    "child.sign_here": ("在这里签名", "Sign here"),
    "child.sign_again": ("重新签", "Clear"),
    "child.typed": ("不方便手写，以上面的姓名代替签名", "I can’t sign by hand: my typed name stands for it"),
    "child.agree_signature": ("我是监护人，同意", "I am the guardian and agree"),
    "child.back": ("已满 14 周岁，返回", "14 or older: go back"),
    "child.with_guardian": ("监护人在，由监护人登记", "A guardian is here and registers"),
    "guardian.wait": ("正在读取监护人的身份证", "Reading the guardian’s ID card"),
    "guardian.wait_note": ("请不要移动读卡器上的证件。", "Please leave the card on the reader."),
    "guardian.stop": ("停止，不登记", "Stop, without registering"),
    "guardian.again": ("返回，换一种方式或再试", "Back: try again or another way"),
    "guardian.not_adult": ("监护人需年满 18 周岁", "A guardian has to be 18 or older"),
    "guardian.not_adult_note": ("没有保存任何信息。", "Nothing was kept."),
    "guardian.expired": ("证件已过有效期", "The card has expired"),
    "guardian.expired_note": ("没有保存任何信息，可以改用签名。", "Nothing was kept. You can sign instead."),
    "guardian.unsure": ("没有读准", "It was not read surely"),
    "guardian.unsure_note": (
        "没有保存任何信息。请拿起证件再放好重试，或改用签名。",
        "Nothing was kept. Lift the card and put it back to try again, or sign instead.",
    ),
    "guardian.no_card": ("没有看到证件", "No card was seen"),
    "guardian.no_card_note": (
        "没有保存任何信息。请把证件平放在读卡器上再试，或改用签名。",
        "Nothing was kept. Lay the card flat on the reader and try again, or sign instead.",
    ),
    "guardian.not_lifted": ("请先把证件拿起来", "Take the card off first"),
    "guardian.not_lifted_note": (
        "读卡器上的证件已经读过了。换上监护人的证件，再试一次。",
        "The card on the reader was read before. Put the guardian’s there and try again.",
    ),
    "guardian.unknown_card": ("不认识这种证件", "This kind of card is not known"),
    "guardian.unknown_card_note": (
        "没有保存任何信息，可以改用签名。",
        "Nothing was kept. You can sign instead.",
    ),
    "guardian.failed": ("没有读成", "The card could not be read"),
    "guardian.failed_note": (
        "没有保存任何信息。请重新放好证件再试，或改用签名。",
        "Nothing was kept. Place the card again, or sign instead.",
    ),
    # notice
    "notice.title": ("告知", "Notice"),
    "notice.read": ("阅读告知全文", "Read the whole notice"),
    "notice.version": ("版本", "Version"),
    "notice.hash": ("校验值", "Check value"),
    "notice.contact": ("联系我们", "Contact"),
    "notice.complaints": ("投诉与监管", "Complaints and regulator"),
    "notice.uses": ("各项用途", "The uses, one by one"),
    # done
    "done.title": ("登记好了", "You are registered"),
    "done.first": ("首次来访，欢迎您", "Welcome on your first visit"),
    "done.returning": ("欢迎再次光临", "Welcome back"),
    "done.nth": ("第 {n} 次来访", "Visit number {n}"),
    "done.agreed": ("您同意的用途", "You agreed to"),
    "done.next": ("接下来，由您选择", "What next is up to you"),
    "done.recognise": ("认出我", "Recognise me"),
    "done.recognise_note": (
        "面向接待台摄像头，二十秒内",
        "Look at the desk camera",
    ),
    "done.card": ("读取身份证", "Read my ID card"),
    "done.card_note": ("先把证件放在读卡器上", "Put the card on the reader first"),
    "done.verify": ("人证核验", "Verify with my card"),
    "done.verify_note": ("放好证件，看着摄像头", "Card on the reader, eyes on the camera"),
    "done.seen_verify": ("人证一致", "Card and face agree"),
    "done.finish": ("完成", "Finish"),
    "done.finish_without": ("不用这些，直接完成", "Finish without these"),
    "done.finish_note": ("清空屏幕，进去参观", "Clear the screen and go in"),
    "done.seen_face": ("面部已确认", "Face done"),
    "done.seen_card": ("身份证已读取", "ID card done"),
    # the code for the visitor's own page
    "code.title": ("您的资料，随时可查", "Your data, at any time"),
    "code.lead": (
        "用手机扫这个二维码：看到保存了什么，更正、撤回、删除或投诉。只有它能打开，总部也读不了。",
        "Scan it with your phone: see what is held, correct, withdraw, erase, complain. "
        "Nothing else opens it, not even headquarters.",
    ),
    "code.alt": ("打开您自己资料页的二维码", "QR code that opens the page of your own data"),
    "code.letters": ("不能扫码？看文字地址", "Can’t scan? The address in letters"),
    # declined
    "declined.title": ("谢谢，请随意参观", "Thank you, please go in"),
    "declined.lead": ("未保存任何信息。", "Nothing was kept."),
    # leases
    "face.wait": ("请看接待台的摄像头", "Please look at the desk camera"),
    "face.wait_note": (
        "最长二十秒，一有结果就停止。",
        "20 seconds at most. It stops as soon as there is a result.",
    ),
    "face.stop": ("停止，不用人脸", "Stop, without my face"),
    "card.wait": ("正在读取身份证", "Reading your ID card"),
    "card.wait_note": ("请不要移动读卡器上的证件。", "Please leave the card on the reader."),
    "card.stop": ("停止，不用身份证", "Stop, without my card"),
    "verify.wait": ("请放好证件，看着摄像头", "Card on the reader, eyes on the camera"),
    "verify.wait_note": (
        "先读证件，再看面部。最长二十秒，照片和画面都不保存。",
        "First the card, then your face. 20 seconds at most; neither photo nor picture is kept.",
    ),
    "verify.stop": ("停止，不核验", "Stop, without this check"),
    "verify.verified": ("人证一致", "Card and face agree"),
    "verify.verified_note": (
        "证件读好了。证件照片和画面都没有保存。请取回证件。",
        "Your card was read. Neither its photo nor any picture was kept. Please take your card.",
    ),
    "verify.not_verified": ("没能确认人证一致", "Card and face were not matched"),
    "verify.not_verified_note": (
        "证件读好了。照片旧了也会这样，这不影响参观，也不说明任何问题。",
        "Your card was read. An old photo can cause this. It changes nothing about your visit.",
    ),
    "verify.no_face": ("没有看到面部", "No face was seen"),
    "verify.no_face_note": (
        "证件读好了。要核验，请拿起证件再放好，一个人正对摄像头。",
        "Your card was read. To verify, lift the card, put it back, and face the camera alone.",
    ),
    "verify.no_face_on_photo": ("证件照片看不清", "The card’s photo could not be used"),
    "verify.no_face_on_photo_note": (
        "证件读好了，没有核验。不影响参观。",
        "Your card was read, without the check. Your visit goes on as usual.",
    ),
    "verify.photo_not_decodable": ("这里不能解读证件照片", "The card’s photo can’t be decoded here"),
    "verify.photo_not_decodable_note": (
        "证件读好了，没有核验。不影响参观。",
        "Your card was read, without the check. Your visit goes on as usual.",
    ),
    "verify.unavailable": ("现在不能核验", "The check is not available just now"),
    "verify.unavailable_note": (
        "证件读好了，没有保存任何画面。不影响参观。",
        "Your card was read, and no picture was kept. Your visit goes on as usual.",
    ),
    "lease.again": ("再试一次", "Try again"),
    "lease.without_face": ("不用人脸，继续", "Go on without my face"),
    "lease.without_card": ("不用身份证，继续", "Go on without my card"),
    "lease.on": ("继续", "Go on"),
    "face.enrolled": ("记住您了", "You are enrolled"),
    "face.enrolled_note": (
        "只留下一组特征值，不留照片。下次点“认出我”就能确认是您。",
        "A set of numbers was kept, no picture. Next time, “Recognise me” confirms that it is you.",
    ),
    "face.confirmed": ("确认是您，欢迎", "It is you. Welcome"),
    "face.confirmed_note": ("照片没有保存。", "No picture was kept."),
    "face.not_confirmed": ("没能确认", "Not confirmed"),
    "face.not_confirmed_note": ("这不影响参观，也不说明任何问题。", "This changes nothing about your visit."),
    "face.no_face": ("没有看到面部", "No face was seen"),
    "face.no_face_note": ("请正对接待台的摄像头。", "Please face the camera at the desk."),
    "face.several_faces": ("画面里不止一个人", "More than one person was in view"),
    "face.several_faces_note": ("请一个人站在摄像头前。", "Please stand before the camera alone."),
    "face.unavailable": ("现在不能使用人脸", "Faces can’t be used just now"),
    "face.unavailable_note": (
        "没有保存任何画面，其他服务照常。",
        "No picture was kept. All else works as usual.",
    ),
    "card.read": ("身份证读好了", "Your card was read"),
    "card.read_note": (
        "证件上的照片没有保存。请取回证件。",
        "The card’s photo was not kept. Please take your card.",
    ),
    "card.confirm_fields": ("请核对证件", "Is this your card?"),
    "card.confirm_fields_note": (
        "只读到一次，请您对照证件看一看。一分钟内没有回答，就不保存。",
        "It was read only once: please compare it. Without an answer in a minute nothing is kept.",
    ),
    "card.confirm_yes": ("一致，是我的证件", "Yes, all of it is right"),
    "card.confirm_no": ("不一致，不保存", "No, keep nothing"),
    "card.not_confirmed": ("没有保存", "Nothing was kept"),
    "card.not_confirmed_note": (
        "要再读一次，请先把证件拿起来，再放回去。",
        "To read it again, take the card off the reader first, then put it back.",
    ),
    "card.too_late": ("等得久了，没有保存", "That took too long: nothing was kept"),
    "card.too_late_note": (
        "要再读一次，请先把证件拿起来，再放回去。",
        "To read it again, take the card off the reader first, then put it back.",
    ),
    "card.not_lifted": ("请先把证件拿起来", "Take the card off first"),
    "card.not_lifted_note": (
        "读卡器上的证件已经读过了。拿起来，再放回去，就可以再读；不是您的，请交给接待员。",
        "The card on the reader was read before. Lift it and put it back to read it again. "
        "If it is not yours, hand it to the receptionist.",
    ),
    "card.unknown_card": ("不认识这种证件", "This kind of card is not known"),
    "card.unknown_card_note": (
        "能读居民身份证、港澳台居民居住证、外国人永久居留身份证。没有保存任何信息，不影响参观。",
        "Resident ID cards, residence permits for Hong Kong, Macao and Taiwan and foreigners’ permanent "
        "resident ID cards can be read. Nothing was kept. Your visit goes on as usual.",
    ),
    "card.no_card": ("没有看到证件", "No card was seen"),
    "card.no_card_note": (
        "请把证件平放在读卡器上；已经放着的，请拿起来再放一次。",
        "Please lay the card flat on the reader. If it lies there, lift it and put it back.",
    ),
    "card.minor": ("未满十四岁", "Under fourteen"),
    "card.minor_note": (
        "未保存证件信息，刚才的登记也已删除。不登记也一样接待；要登记，由监护人同意。",
        "Nothing of the card was kept, and the registration was erased. You are as welcome without one; "
        "to register, a guardian has to agree.",
    ),
    "card.expired": ("证件已过有效期", "The card has expired"),
    "card.expired_note": ("未保存任何信息，不影响参观。", "Nothing was kept. Your visit goes on as usual."),
    "card.failed": ("没有读成", "The card could not be read"),
    "card.failed_note": ("请重新放好证件，或不用身份证继续。", "Place it again, or go on without it."),
    "card.name": ("姓名", "Name"),
    "card.number": ("号码", "Number"),
    "card.kind": ("证件", "Card"),
    "card.resident": ("居民身份证", "Resident ID card"),
    "card.permit": ("港澳台居民居住证", "Residence permit (Hong Kong, Macao, Taiwan)"),
    "card.foreigner_2017": ("外国人永久居留身份证", "Foreign permanent resident ID card (2017)"),
    "card.foreigner_2023": ("外国人永久居留身份证（2023 版）", "Foreign permanent resident ID card (2023)"),
    "card.nation": ("民族", "Nation"),
    "card.address": ("住址", "Address"),
    "card.valid_until": ("有效期至", "Valid until"),
    "card.long_term": ("长期", "no end"),
    # leaving and withdrawing
    "leave.title": ("离开", "Leaving"),
    "leave.lead": (
        "输入登记时的号码，记下离开时间。没有登记过，直接离开就好。",
        "Enter the number you registered with, and the visit is closed. If you did not register, just go.",
    ),
    "leave.submit": ("记下离开", "Close my visit"),
    "left.title": ("谢谢，请慢走", "Thank you, goodbye"),
    "left.lead": (
        "如果这个号码有进行中的来访，现在已经结束。",
        "If this number had an open visit, it is closed now.",
    ),
    "withdraw.title": ("撤回同意", "Withdraw consent"),
    "withdraw.lead": (
        "输入号码，选出不再同意的用途。马上生效，不需要理由。",
        "Enter the number and choose what you no longer agree to. It takes effect at once, without a reason.",
    ),
    "withdraw.scopes": ("不再同意的用途", "No longer agreed to"),
    "withdraw.recording": ("电话录音（来电时按 1 同意的）", "Recording of my calls (agreed to by key 1)"),
    "withdraw.submit": ("撤回所选", "Withdraw these"),
    "withdrawn.title": ("已经撤回", "Withdrawn"),
    "withdrawn.lead": (
        "如果这个号码同意过所选用途，现在起不再使用。以前合法的使用不受影响；要删除资料，请告诉接待员。",
        "If this number had agreed to them, those uses have ended. What was lawful before stands; "
        "to have data erased, tell the receptionist.",
    ),
    # errors
    "error.summary": ("还差一点", "Almost done"),
    "error.registration": (
        "请在这一项选“同意”或“不同意”。其他选择和号码要先有登记才能保存。",
        "Please choose yes or no here. The other choices and your number need a registration.",
    ),
    "error.phone_missing": ("请输入手机号码。", "Please enter a phone number."),
    "error.phone_invalid": (
        "这个号码好像不对，请检查一下。",
        "This number does not look right. Please check it.",
    ),
    "error.number_needed": (
        "没有号码，只能登记这次来访。其他各项请选“不同意”，或输入号码。",
        "Without a number only the visit itself can be registered. Say no to the others, or give a number.",
    ),
    "error.name": ("请输入 40 个字以内的称呼。", "Please enter a name of at most 40 characters."),
    "error.guardian": ("请输入您的姓名（40 个字以内）。", "Please enter your name, at most 40 characters."),
    "error.signature": (
        "请在框里签名，或选下面一项。",
        "Please sign in the field, or choose the item below.",
    ),
    "error.party": ("请输入 1 到 99 之间的人数。", "Please enter a number from 1 to 99."),
    "error.scopes": ("请至少选一项。", "Please choose at least one."),
    "error.notice_changed": (
        "告知刚刚更新。请重新阅读，再选一次。",
        "The notice has just changed. Please read it and choose again.",
    ),
    "error.refused": (
        "现在不能办理，请找接待员。",
        "This can’t be done just now. Please ask the receptionist.",
    ),
    "error.silent": (
        "登记系统暂时没有回应。您填的还在，可以再试一次，也可以直接参观。",
        "The system doesn’t answer just now. What you entered is still here: try again, or simply go in.",
    ),
    "trouble.silent": ("系统暂时没有回应", "The system doesn’t answer just now"),
    "trouble.silent_note": (
        "不用等，请直接参观。需要登记、离开或撤回同意，请找接待员，或过一会儿再来。",
        "No need to wait, please go in. To register, leave or withdraw, ask at the desk or try again later.",
    ),
    "trouble.expired": ("页面已经过时", "This page is out of date"),
    "trouble.expired_note": ("为保护您的信息，请从头开始。", "To protect your data, please start again."),
    "trouble.form": ("这份表单无法识别", "This form can’t be read"),
    "trouble.form_note": ("没有保存任何信息，请从头开始。", "Nothing was kept. Please start again."),
    "trouble.refused": ("现在不能办理", "This can’t be done just now"),
    "trouble.refused_note": (
        "不影响参观。请找接待员帮忙。",
        "Your visit goes on as usual. Please ask the receptionist.",
    ),
    "trouble.missing": ("没有这个页面", "There is no such page"),
    "trouble.missing_note": ("请回到首页。", "Please go back to the start."),
    "trouble.fault": ("出了点问题", "Something went wrong"),
    "trouble.fault_note": (
        "不影响参观。请找接待员帮忙。",
        "Your visit goes on as usual. Please ask the receptionist.",
    ),
}

_SCOPES: dict[Scope, tuple[str, str]] = {
    Scope.REGISTRATION: ("来访登记", "Registration"),
    Scope.ID_CARD: ("身份证", "ID card"),
    Scope.FACE_MATCH: ("人脸确认", "Face confirmation"),
    Scope.CHANNEL_RISK: ("渠道核对", "Checking who brought you"),
    Scope.FOLLOW_UP: ("后续联系", "Follow-up"),
    Scope.MARKETING: ("活动与推广信息", "News and offers"),
    Scope.RECORDING: ("通话录音", "Call recording"),
    Scope.LOCATION: ("位置", "Location"),
}
_TEXTS |= BUYER_TEXTS | DESK_TEXTS | MINE_TEXTS | PAPER_TEXTS
KEYS = frozenset(_TEXTS)


def text(key: str, lang: Lang) -> str:
    """Return the words for `key`; KeyError for one that doesn't exist."""
    zh, en = _TEXTS[key]
    return zh if lang == "zh" else en


def scope_name(scope: Scope, lang: Lang) -> str:
    """Return a short name for a scope, where the notice's own words would be too long."""
    zh, en = _SCOPES[scope]
    return zh if lang == "zh" else en
